"""
What an SQL statement does, in two words: for a span's name. Statements are constants of the stores,
so each is read once; a name never holds a value.
"""

from __future__ import annotations

import re
from functools import cache

_FUNCTION = re.compile(r"\bsync\.(\w+)\(")
_WRITTEN = re.compile(r"\b(insert into|update|delete from)\s+([\w.]+)", re.IGNORECASE)
_READ = re.compile(r"\bfrom\s+([a-z_]+\.[a-z_]+)\b", re.IGNORECASE)


@cache
def summary(statement: str) -> tuple[str, str]:
    """Return (operation, target): ("INSERT", "public.users"), ("SELECT", "sync.claim_outbox")."""
    if written := _WRITTEN.search(statement):
        return written[1].split()[0].upper(), written[2]
    if called := _FUNCTION.search(statement):
        return "SELECT", f"sync.{called[1]}"
    if read := _READ.search(statement):
        return "SELECT", read[1]
    return statement.split(maxsplit=1)[0].upper()[:16] if statement.strip() else "", ""
