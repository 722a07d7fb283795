"""
PostgREST subset: tables and views at /rest/v1/NAME. Writes are in writes.py, functions in rpc.py.

Modelled, from PostgREST's source and docs: GET HEAD POST PATCH DELETE, one transaction each with
role, claims and headers set (row level security works), reads in read-only transactions; `return=`,
`resolution=` with `on_conflict`, `missing=default`, `count=` (planned and estimated count exactly
too), `handling=strict` with `max-affected`; one row by `application/vnd.pgrst.object+json`;
Content-Range and status 206; at most `max_rows` rows per read, cut silently; hosted Supabase's
refusal of PATCH and DELETE without a filter (pg-safeupdate; not modelled inside functions), its
statement timeouts per role.
Left out: PUT, embedding, aggregates, CSV, explain, the OpenAPI root, CORS, `tx=`, `timezone=`,
response.status and response.headers, hints that guess at misspelt names.
"""

from __future__ import annotations

from psycopg import sql

from infra.local.loopback import Response
from infra.local.supabase.call import Call, number
from infra.local.supabase.errors import RestError
from infra.local.supabase.filters import where
from infra.local.supabase.projection import natural, select_list, tail
from infra.local.supabase.writes import ONE, ROWS, delete, insert, update


def serve_table(call: Call, name: str) -> Response:
    """Answer a request for a table or view.

    Raises:
        RestError: it cannot be read, or names what does not exist.
        psycopg.Error: the database refused it.
    """
    table = call.cache.table(call.connection, call.schema, name)
    if table is None:
        message = f"Could not find the table '{call.schema}.{name}' in the schema cache"
        raise RestError(404, "PGRST205", message)
    match call.request.method:
        case "GET" | "HEAD":
            source = sql.SQL("from {}").format(table.identifier)
            source += where(call.request.query)
            rows = sql.SQL("select {} ").format(select_list(call.given.get("select", "")))
            return answer_rows(call, rows + source, sql.SQL("select 1 ") + source)
        case "POST":
            return insert(call, table)
        case "PATCH":
            return update(call, table)
        case "DELETE":
            return delete(call, table)
        case method:
            raise RestError(405, "PGRST117", f"Unsupported HTTP method: {method}")


def answer_rows(
    call: Call,
    rows: sql.Composable,
    counted: sql.Composable,
    *,
    shape: sql.SQL | None = None,
    read_only: bool = True,
) -> Response:
    """Run the query `rows` with order and limit; `counted` is what `count=` counts.

    `shape` makes the body of the rows, an array of them by default.

    Raises:
        RestError: 406 PGRST116 if one row was asked for, 416 PGRST103 for an offset past the end.
    """
    total = sql.SQL("null::bigint")
    if "count" in call.prefer:
        total = sql.SQL("(select count(*) from ({}) as counted)").format(counted)
    statement = sql.SQL("with source as ({}{}) select {}, count(*), {} from source").format(
        rows, tail(call.given, call.max_rows), shape or (ONE if call.single else ROWS), total
    )
    body, count, every = call.run(statement, read_only=read_only)
    first = natural(call.given, "offset", 0)
    if every is None:
        return call.answer(200, body or b"null", f"{_range(first, number(count))}/*")
    if first > number(every):
        details = f"An offset of {first} was requested, but there are only {number(every)} rows."
        raise RestError(416, "PGRST103", "Requested range not satisfiable", details)
    status = 206 if number(count) < number(every) else 200
    return call.answer(status, body or b"null", f"{_range(first, number(count))}/{number(every)}")


def _range(first: int, count: int) -> str:
    return f"{first}-{first + count - 1}" if count else "*"
