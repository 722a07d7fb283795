"""Outbox relays and dead letters."""

from __future__ import annotations
