"""
PostgREST's writes to tables: POST (insert, upsert), PATCH, DELETE.

The body goes to the database as it came, one literal, and `json_populate_recordset` gives its
values the columns' types; only the names of its columns are read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString, cast

from psycopg import sql

from infra.local.loopback import Response
from infra.local.supabase.call import Call, number, parse_body
from infra.local.supabase.errors import RestError
from infra.local.supabase.filters import split, unquote, where
from infra.local.supabase.projection import COMMA, select_list
from infra.local.supabase.schema_cache import Table

ROWS = sql.SQL("coalesce(json_agg(source), '[]')::text")
ONE = sql.SQL("(json_agg(source) -> 0)::text")
NOTHING = sql.SQL("''")
CHANGE = sql.SQL("with source as ({} returning {}) select {}, count(*) from source")
INSERT = sql.SQL("insert into {} ({}) select {} from ")
INSERT_DEFAULTS = sql.SQL("insert into {} default values")
UPDATE = sql.SQL(
    "update {table} set ({columns}) ="
    " (select {columns} from json_populate_record(null::{table}, {body}::json))"
)
DELETE = sql.SQL("delete from {}")
RECORD = sql.SQL("json_populate_record(null::{}, {}::json)")
RECORDS = sql.SQL("json_populate_recordset(null::{}, {}::json)")
WITH_DEFAULTS = sql.SQL(
    "json_populate_recordset(null::{}, (select json_agg(jsonb_build_object({}) || element)"
    " from jsonb_array_elements({}::jsonb) as element))"
)


def insert(call: Call, table: Table) -> Response:
    """Insert the body's object or objects, all or none."""
    rows = parse_body(call.request.body)
    columns = [unquote(name) for name in split(call.given.get("columns", ""))]
    columns = columns or _common_keys(rows)
    _check(columns, table)
    if rows == []:
        return call.answer(201, b"[]" if call.echoes else b"", "*/*")
    statement = INSERT_DEFAULTS.format(table.identifier)
    if columns:
        names = _names(columns)
        source = _records(call, table) if isinstance(rows, list) else _literal(call, RECORD, table)
        statement = INSERT.format(table.identifier, names, names) + source
    return _change(call, statement + _on_conflict(call, table, columns), 201)


def update(call: Call, table: Table) -> Response:
    """Give the filtered rows the body's values."""
    row = parse_body(call.request.body)
    if not isinstance(row, dict):
        raise RestError(400, "PGRST102", "the stand-in takes one JSON object in a PATCH")
    if not row:
        return call.answer(200 if call.echoes else 204, b"[]", "*/*")
    _check(row, table)
    body = sql.Literal(call.request.body.decode())
    statement = UPDATE.format(table=table.identifier, columns=_names(row), body=body)
    return _change(call, statement + _filtered(call, "UPDATE"), 200 if call.echoes else 204)


def delete(call: Call, table: Table) -> Response:
    """Delete the filtered rows."""
    statement = DELETE.format(table.identifier) + _filtered(call, "DELETE")
    return _change(call, statement, 200 if call.echoes else 204)


def _change(call: Call, statement: sql.Composable, status: int) -> Response:
    returned, shape = sql.SQL("1"), NOTHING
    if call.echoes:
        returned = select_list(call.given.get("select", ""))
        shape = ONE if call.single else ROWS
    body, count = call.run(CHANGE.format(statement, returned, shape), read_only=False)
    rows = number(count)
    total = str(rows) if "count" in call.prefer else "*"
    first = f"0-{rows - 1}" if call.request.method == "PATCH" and rows else "*"
    return call.answer(status, body or b"", f"{first}/{total}")


def _filtered(call: Call, verb: str) -> sql.Composable:
    conditions = where(call.request.query)
    if not conditions.as_string():
        raise RestError(400, "21000", f"{verb} requires a WHERE clause")
    return conditions


def _literal(call: Call, shape: sql.SQL, table: Table) -> sql.Composable:
    return shape.format(table.identifier, sql.Literal(call.request.body.decode()))


def _records(call: Call, table: Table) -> sql.Composable:
    if call.prefer.get("missing") != "default":
        return _literal(call, RECORDS, table)
    # The expressions come from the catalog, already quoted.
    defaults = sql.SQL(cast("LiteralString", ", ".join(table.defaults)))
    body = sql.Literal(call.request.body.decode())
    return WITH_DEFAULTS.format(table.identifier, defaults, body)


def _on_conflict(call: Call, table: Table, columns: Sequence[str]) -> sql.Composable:
    resolution = call.prefer.get("resolution")
    given = [unquote(name) for name in split(call.given.get("on_conflict", ""))]
    key = given or table.primary_key
    if not resolution or not key:
        return sql.SQL("")
    start = sql.SQL(" on conflict ({})").format(_names(key))
    if resolution == "ignore-duplicates" or not columns:
        return start + sql.SQL(" do nothing")
    # Every column sent is overwritten, those of the key included.
    updates = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in columns]
    return start + sql.SQL(" do update set ") + COMMA.join(updates)


def _common_keys(rows: Any) -> list[str]:
    every = rows if isinstance(rows, list) else [rows]
    if not every:
        return []
    if any(not isinstance(row, dict) or row.keys() != every[0].keys() for row in every):
        raise RestError(400, "PGRST102", "All object keys must match")
    return list(every[0])


def _check(columns: Iterable[str], table: Table) -> None:
    for name in columns:
        if name not in table.columns:
            message = f"Could not find the '{name}' column of '{table.name}' in the schema cache"
            raise RestError(400, "PGRST204", message)


def _names(columns: Iterable[str]) -> sql.Composed:
    return COMMA.join([sql.Identifier(name) for name in columns])
