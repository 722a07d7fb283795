"""
PostgREST's `select`, `order`, `limit` and `offset` as SQL.

Modelled: renaming (`label:name`), casting (`id::text`), json paths, nullsfirst and nullslast.
Left out, and refused with PGRST200: embedding another table (`a(b,c)`) and aggregates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import LiteralString, cast

from psycopg import sql

from infra.local.supabase.errors import RestError
from infra.local.supabase.filters import column, split, unquote, unreadable

ORDER: dict[str, LiteralString] = {
    "asc": " asc",
    "desc": " desc",
    "nullsfirst": " nulls first",
    "nullslast": " nulls last",
}
CAST = re.compile(r"[A-Za-z_][\w ]*(\[\])?")
ALIAS = re.compile(r'("[^"]+"|[^:"]+):(?!:)(.+)', re.DOTALL)
COMMA = sql.SQL(", ")


def select_list(text: str) -> sql.Composable:
    """Return the columns of `select=` (all when it is empty)."""
    return COMMA.join([_selected(item) for item in split(text or "*")])


def tail(given: Mapping[str, str], max_rows: int) -> sql.Composable:
    """Return order, limit and offset. No read returns more than `max_rows` rows.

    Raises:
        RestError: 400 PGRST100, not a number or not a direction.
    """
    terms = [_ordered(term) for term in split(given.get("order", ""))]
    limit = min(natural(given, "limit", max_rows), max_rows)
    order = sql.SQL(" order by ") + COMMA.join(terms) if terms else sql.SQL("")
    return order + sql.SQL(" limit {} offset {}").format(limit, natural(given, "offset", 0))


def natural(given: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number of the query string."""
    text = given.get(name) or str(default)
    if not text.isdigit():
        raise unreadable(f"{name}={text}")
    return int(text)


def _selected(item: str) -> sql.Composable:
    if item == "*":
        return sql.SQL("*")
    if "(" in item:
        raise RestError(400, "PGRST200", "the stand-in does not embed other tables or aggregate")
    renamed = ALIAS.fullmatch(item)
    alias, rest = (unquote(renamed[1]), renamed[2]) if renamed else ("", item)
    name, _, kind = rest.partition("::")
    expression = column(name)
    if kind and not CAST.fullmatch(kind):
        raise unreadable(item)
    if kind:
        # A type name cannot be a quoted identifier: "int" with quotes does not exist.
        target = sql.SQL(cast("LiteralString", kind))
        expression = sql.SQL("cast({} as {})").format(expression, target)
    if "->" in name:
        alias = alias or re.split("->>?", name)[-1]
    return sql.SQL("{} as {}").format(expression, sql.Identifier(alias or unquote(name)))


def _ordered(term: str) -> sql.Composable:
    name, *directions = split(term, ".")
    if any(direction not in ORDER for direction in directions):
        raise unreadable(f"order={term}")
    return column(name) + sql.SQL("").join([sql.SQL(ORDER[part]) for part in directions])
