"""Firestore profiles -> core patients and doctors; the users chain mirrors their names."""

from __future__ import annotations
