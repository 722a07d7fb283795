"""Core prescriptions -> Supabase document -> search chunks."""

from __future__ import annotations
