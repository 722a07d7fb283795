"""
PostgREST subset: functions at /rest/v1/rpc/NAME, by POST (named arguments as JSON) or GET.

Modelled: overloads told apart by argument names (PGRST202 none, PGRST203 several), defaults, one
unnamed json argument taking the whole body, sets, tables, composites, scalars and void, filters
and limits on the result, reads of stable and immutable functions in read-only transactions. A JSON
array given for a vector argument works, because its text is also pgvector's.
Left out: variadic arguments, `set` clauses of the function ahead of its call, procedures.
"""

from __future__ import annotations

from typing import LiteralString, cast

from psycopg import sql

from infra.local.loopback import Response
from infra.local.supabase.call import Call, parse_body
from infra.local.supabase.errors import RestError
from infra.local.supabase.filters import RESERVED, TREES, is_filter, where
from infra.local.supabase.projection import COMMA, select_list
from infra.local.supabase.rest import answer_rows
from infra.local.supabase.schema_cache import Function
from infra.local.supabase.writes import ONE

# The call stands in a subquery: its arguments may have the names of its result's columns.
NO_VALUE = sql.SQL("select '', count(*) from ")
OBJECT, VALUE = sql.SQL("select result.* from "), sql.SQL("select result as value from ")
ARGUMENTS = sql.SQL("json_to_record({}::json) as arguments({})")
VALUES = sql.SQL("coalesce(json_agg(source.value), '[]')::text")
ONE_VALUE = sql.SQL("(json_agg(source.value) -> 0)::text")


def serve_function(call: Call, name: str) -> Response:
    """Answer a call of a function.

    Raises:
        RestError: it cannot be read, or names no function or several.
        psycopg.Error: the database or the function refused it.
    """
    method = call.request.method
    if method not in {"GET", "HEAD", "POST"}:
        raise RestError(405, "PGRST101", f"Cannot use the {method} method on RPC")
    by_body = method == "POST"
    body = parse_body(call.request.body) if by_body and call.request.body else {}
    given = {} if by_body else _bare(call)
    names: set[str] = set(given)
    if by_body and isinstance(body, dict):
        names = set(body)
    function = _chosen(call, name, names, by_body=by_body)
    source = _invocation(call, name, function, names, given)
    if function.returns_void:
        call.run(NO_VALUE + source, read_only=not by_body)
        return call.answer(204, b"")
    return _answer(call, function, source, by_body=by_body)


def _answer(call: Call, function: Function, source: sql.Composable, *, by_body: bool) -> Response:
    filters = [pair for pair in call.request.query if by_body or pair[0] in _filter_names(call)]
    single = call.single or not function.returns_set
    inner, columns, shape = VALUE, sql.SQL("value"), ONE_VALUE if single else VALUES
    if function.objects:
        columns = select_list(call.given.get("select", ""))
        inner, shape = OBJECT, ONE if single else None
    rows = sql.SQL("select {} from (").format(columns) + inner + source + sql.SQL(") as result")
    rows += where(filters)
    read_only = not (by_body and function.volatile)
    return answer_rows(call, rows, rows, shape=shape, read_only=read_only)


def _bare(call: Call) -> dict[str, str]:
    """Return the query parameters of a GET that are arguments, not filters."""
    filters = _filter_names(call)
    return {name: value for name, value in call.request.query if name not in filters | RESERVED}


def _filter_names(call: Call) -> set[str]:
    return {name for name, value in call.request.query if name in TREES or is_filter(value)}


def _chosen(call: Call, name: str, arguments: set[str], *, by_body: bool) -> Function:
    functions = call.cache.functions(call.connection, call.schema, name)
    fitting = [function for function in functions if function.accepts(arguments)]
    if not fitting and by_body:
        fitting = [function for function in functions if function.takes_body]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(sorted(arguments))
    if fitting:
        message = f"Could not choose the best candidate function: {call.schema}.{name}({listed})"
        raise RestError(300, "PGRST203", message)
    searched = (
        f"{call.schema}.{name}({listed})" if listed else f"{call.schema}.{name} without parameters"
    )
    message = f"Could not find the function {searched} in the schema cache"
    raise RestError(404, "PGRST202", message)


def _invocation(
    call: Call, name: str, function: Function, names: set[str], given: dict[str, str]
) -> sql.Composable:
    """Return the function's call for `from`, as `result`; its arguments go before it."""
    types = {
        argument: sql.SQL(cast("LiteralString", kind))  # from the catalog, already quoted
        for argument, kind in zip(function.names, function.types, strict=True)
        if argument in names
    }
    body = sql.Literal(call.request.body.decode())
    before: sql.Composable = sql.SQL("")
    if call.request.method != "POST":
        arguments = [
            sql.SQL("{} := {}::").format(sql.Identifier(key), given[key]) + kind
            for key, kind in types.items()
        ]
    elif function.takes_body:
        kind = sql.SQL(cast("LiteralString", function.types[0]))
        arguments = [sql.SQL("{}::").format(body) + kind]
    else:
        declared = [sql.Identifier(key) + sql.SQL(" ") + kind for key, kind in types.items()]
        arguments = [sql.SQL("{0} := arguments.{0}").format(sql.Identifier(key)) for key in types]
        if declared:
            before = ARGUMENTS.format(body, COMMA.join(declared)) + sql.SQL(", lateral ")
    target = sql.Identifier(call.schema, name)
    return before + sql.SQL("{}({}) as result").format(target, COMMA.join(arguments))
