"""One PostgREST request under way: its transaction, its preferences, its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, LiteralString, cast

from psycopg import sql

from infra.local.loopback import JSON, Request, Response
from infra.local.supabase.database import Connection, Row, row_of
from infra.local.supabase.errors import RestError
from infra.local.supabase.identity import Identity
from infra.local.supabase.schema_cache import SchemaCache

SINGLE = "application/vnd.pgrst.object+json"
APPLIED = ("resolution", "missing", "return", "count", "handling")
PREAMBLE = sql.SQL(
    "select set_config('search_path', {path}, true),"
    " set_config('statement_timeout', {timeout}, true),"
    " set_config('role', {role}, true),"
    " set_config('request.jwt.claims', {claims}, true),"
    " set_config('transaction_read_only', {read_only}, true); "
)
HEADERS = sql.SQL("select set_config('request.headers', {headers}, true); ")

Accept = Callable[[Row], None] | None


@lru_cache(maxsize=256)
def _preamble(schema: str, role: str, claims: str, timeout: str, *, read_only: bool) -> sql.SQL:
    """Return what every transaction starts with, rendered once per identity."""
    text = PREAMBLE.format(
        path=sql.SQL("{}, extensions").format(sql.Identifier(schema)).as_string(),
        timeout=timeout,
        role=role,
        claims=claims,
        read_only="on" if read_only else "off",
    ).as_string()
    return sql.SQL(cast("LiteralString", text))  # every value in it is a quoted literal


@dataclass(frozen=True, slots=True)
class Call:
    """A request, whom it speaks for, and the connection lent to it."""

    request: Request
    connection: Connection
    cache: SchemaCache
    identity: Identity
    schema: str
    max_rows: int
    prefer: Mapping[str, str]
    given: Mapping[str, str]

    @property
    def single(self) -> bool:
        """Whether exactly one row is asked for, as an object."""
        return SINGLE in self.request.headers.get("accept", "")

    @property
    def echoes(self) -> bool:
        """Whether a write answers the rows it wrote."""
        return self.single or self.prefer.get("return") == "representation"

    @property
    def acceptance(self) -> Accept:
        """What the number of rows must satisfy before the transaction is committed."""
        if self.single:
            return exactly_one
        limit = self.prefer.get("max-affected", "")
        if self.prefer.get("handling") == "strict" and limit.isdigit():
            return lambda row: _at_most(number(row[1]), int(limit))
        return None

    def run(self, statement: sql.Composable, *, read_only: bool) -> Row:
        """Run one statement as the caller; its second column must be the number of rows.

        Raises:
            RestError: the number of rows is not acceptable; nothing was written.
            psycopg.Error: the database refused it.
        """
        timeout = self.cache.timeout(self.connection, self.identity.role)
        who = (self.identity.role, self.identity.claims)
        start = _preamble(self.schema, *who, timeout, read_only=read_only)
        return row_of(self.connection, start + self._headers() + statement, self.acceptance)

    def _headers(self) -> sql.Composed:
        """Return what lets the database's functions see the request's headers."""
        return HEADERS.format(headers=json.dumps(self.request.headers))

    def answer(self, status: int, body: bytes, content_range: str = "") -> Response:
        """Return the answer with the headers every success has."""
        headers = {"Content-Type": f"{SINGLE}; charset=utf-8" if self.single else JSON}
        if content_range:
            headers["Content-Range"] = content_range
        applied = [f"{name}={self.prefer[name]}" for name in APPLIED if name in self.prefer]
        if applied:
            headers["Preference-Applied"] = ", ".join(applied)
        return Response(status, body, headers)


def preferences(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the `Prefer` header as a dict: `return=minimal, count=exact`."""
    pairs = (item.partition("=") for item in headers.get("prefer", "").split(","))
    return {name.strip(): value.strip() for name, _, value in pairs if value}


def parse_body(body: bytes) -> Any:
    """Return the JSON of a request body.

    Raises:
        RestError: 400 PGRST102, it is empty or not JSON.
    """
    try:
        return json.loads(body)
    except ValueError:
        raise RestError(400, "PGRST102", "Empty or invalid json") from None


def exactly_one(row: Row) -> None:
    """Refuse any number of rows but one.

    Raises:
        RestError: 406 PGRST116.
    """
    if row[1] != b"1":
        message = "Cannot coerce the result to a single JSON object"
        raise RestError(406, "PGRST116", message, f"The result contains {number(row[1])} rows")


def _at_most(count: int, allowed: int) -> None:
    if count > allowed:
        message = "Query result exceeds max-affected preference constraint"
        raise RestError(400, "PGRST124", message, f"The query affects {count} rows")


def number(text: bytes | None) -> int:
    """Return a count the database answered as text."""
    return int(text or 0)
