"""Firebase Auth -> core users -> Supabase auth user -> Firebase claims."""

from __future__ import annotations
