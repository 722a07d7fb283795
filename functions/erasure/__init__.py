"""A deleted account or an operator's order -> Supabase, Firebase, core -> certificate."""

from __future__ import annotations
