"""Supabase documents -> core documents and medications."""

from __future__ import annotations
