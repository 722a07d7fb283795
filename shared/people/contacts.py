"""
Normal forms of contacts, computed in one place.

phone    E.164 with '+' (Firebase, core); without '+' (Supabase strips one leading '+')
e-mail   trimmed and case-folded, as GoTrue stores it
"""

from __future__ import annotations


def email(value: str | None) -> str | None:
    """Return an e-mail in normal form, None for a blank one."""
    return (value or "").strip().lower() or None


def phone(value: str | None) -> str | None:
    """
    Return a Firebase phone as E.164 with '+'.

    Firebase Auth keeps phones in E.164 already; spaces are tolerated. A value that is not E.164 is
    not repaired by guessing a country: None.
    """
    digits = "".join((value or "").split())
    if digits.startswith("+") and digits[1:].isascii() and digits[1:].isdigit():
        return digits if 8 <= len(digits) <= 16 and digits[1] != "0" else None
    return None


def supabase_phone(value: str | None) -> str | None:
    """Return E.164 the way Supabase auth stores it: without '+'."""
    return value.removeprefix("+") if value else None
