"""
PostgREST's filters as SQL: `?age=gte.18&or=(name.is.null,tags.cs.{a})`.

Modelled: eq neq gt gte lt lte like ilike match imatch in is isdistinct cs cd ov sl sr nxl nxr adj,
`not.`, `and=`/`or=` trees, json paths (`a->b->>c`). Left out, and refused with PGRST100: any/all
modifiers, full-text search.
Values go in as literals of unknown type, so that Postgres gives them the column's type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import LiteralString, cast

from psycopg import sql

from infra.local.supabase.errors import RestError

RESERVED = {"select", "order", "limit", "offset", "columns", "on_conflict", "apikey"}
TREES = {"and", "or", "not.and", "not.or"}
OPERATORS: dict[str, LiteralString] = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "like",
    "ilike": "ilike",
    "match": "~",
    "imatch": "~*",
    "isdistinct": "is distinct from",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "sl": "<<",
    "sr": ">>",
    "nxl": "&>",
    "nxr": "&<",
    "adj": "-|-",
}
IS: dict[str, LiteralString] = {
    "null": "null",
    "not_null": "not null",
    "true": "true",
    "false": "false",
    "unknown": "unknown",
}
TREE = re.compile(r"(?P<no>not\.)?(?P<kind>and|or)(?P<body>\(.*\))", re.DOTALL)
PATH = re.compile(r"(->>?)(-?\d+|[^-]+)")
AND, OR = sql.SQL(" and "), sql.SQL(" or ")

Pairs = Iterable[tuple[str, str]]


def is_filter(value: str) -> bool:
    """Tell whether a query value reads as a filter (`eq.5`), not as a bare argument (`5`)."""
    operator = value.removeprefix("not.").partition(".")[0]
    return "." in value and (operator in OPERATORS or operator in {"in", "is"})


def where(query: Pairs) -> sql.Composable:
    """Return ` where ...` of all filters of the query string; nothing when there is none.

    Raises:
        RestError: 400 PGRST100, an operator or value that cannot be read.
    """
    conditions = [
        _tree(name, value) if name in TREES else _condition(name, value)
        for name, value in query
        if name not in RESERVED
    ]
    return sql.SQL(" where ") + AND.join(conditions) if conditions else sql.SQL("")


def split(text: str, separator: str = ",") -> list[str]:
    """Split at the separators that are outside of quotes, parentheses and braces."""
    parts: list[str] = []
    start = depth = 0
    quoted = escaped = False
    for position, char in enumerate(text):
        if escaped or (quoted and char == "\\"):
            escaped = not escaped
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "({":
            depth += 1
        elif not quoted and char in ")}":
            depth -= 1
        elif char == separator and not quoted and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]] if text else []


def unquote(text: str) -> str:
    """Return a value without the double quotes that protect commas and parentheses."""
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if quoted else text


def unreadable(text: str) -> RestError:
    """Return the refusal of a query string PostgREST could not parse."""
    return RestError(400, "PGRST100", f'"failed to parse ({text})" (line 1, column 1)')


def _tree(name: str, body: str) -> sql.Composable:
    """Return a logic tree: `or=(a.gt.1,and(b.eq.2,not.or(...)))`."""
    if len(body) < 2 or body[0] != "(" or body[-1] != ")":
        raise unreadable(f"{name}={body}")
    parts: list[sql.Composable] = []
    for part in split(body[1:-1]):
        if nested := TREE.fullmatch(part):
            parts.append(_tree((nested["no"] or "") + nested["kind"], nested["body"]))
        else:
            column, _, expression = part.partition(".")
            parts.append(_condition(column, expression, in_tree=True))
    joined = (OR if name.endswith("or") else AND).join(parts)
    shape = sql.SQL("(not ({}))") if name.startswith("not.") else sql.SQL("({})")
    return shape.format(joined)


def _condition(name: str, expression: str, *, in_tree: bool = False) -> sql.Composable:
    if expression.startswith("not."):
        inner = _condition(name, expression.removeprefix("not."), in_tree=in_tree)
        return sql.SQL("(not {})").format(inner)
    operator, dot, value = expression.partition(".")
    if operator == "in" and value[:1] == "(" and value[-1:] == ")":
        members = ",".join(_array_element(unquote(item)) for item in split(value[1:-1]))
        return sql.SQL("{} = any ({})").format(column(name), _value(f"{{{members}}}"))
    if operator == "is" and value in IS:
        return sql.SQL("{} is {}").format(column(name), sql.SQL(IS[value]))
    if not dot or operator not in OPERATORS:
        raise unreadable(expression.partition(".")[0])
    if in_tree:
        value = unquote(value)
    if operator in {"like", "ilike"}:
        value = value.replace("*", "%")
    parts = (column(name), sql.SQL(OPERATORS[operator]), _value(value))
    return sql.SQL("{} {} {}").format(*parts)


def _array_element(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _value(text: str) -> sql.Literal:
    return sql.Literal(text.partition("\0")[0])  # Postgres text cannot hold NUL


def column(name: str) -> sql.Composable:
    """Return a column, with its json path."""
    base, arrow, path = name.partition("->")
    result: sql.Composable = sql.Identifier(unquote(base))
    for operator, key in PATH.findall(arrow + path):
        step: int | str = int(key) if key.lstrip("-").isdigit() else key
        result += sql.SQL(cast("LiteralString", operator)) + sql.Literal(step)
    return result
