"""
Hosted Supabase loads pg-safeupdate for every connection of its data API: a DELETE or UPDATE without
WHERE is refused there with 21000, also within functions, triggers and CTEs, whoever owns them.
"""

from __future__ import annotations

import re
from typing import Any

import psycopg

Sql = psycopg.Connection[dict[str, Any]]

_BODIES = """
select p.oid::regprocedure::text as name, p.prosrc as body from pg_proc p
where p.pronamespace in ('public'::regnamespace, 'sync'::regnamespace)
  and p.prolang in (select oid from pg_language where lanname in ('sql', 'plpgsql'))
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""
_SILENT = re.compile(r"--[^\n]*|'(?:[^']|'')*'")
_CHANGE = re.compile(r"(?<!for )(?<!do )(?<!key )\b(?:delete\s+from|update)\s+[\w.]+", re.I)


def unconditional(body: str) -> list[str]:
    """Return the deletes and updates of a function's body that have no WHERE of their own."""
    text = _SILENT.sub("''", body)
    return [
        match.group()
        for match in _CHANGE.finditer(text)
        if not re.search(r"\bwhere\b", _statement(text[match.start() :]), re.I)
    ]


def _statement(text: str) -> str:
    """Return what stands on the statement's own level, up to its end or that of its CTE."""
    own, depth = "", 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0 or (depth == 0 and letter == ";"):
            break
        own += letter if depth == 0 else ""
    return own


def test_nothing_that_the_data_api_runs_changes_a_table_without_a_condition(
    supabase_sql: Sql,
) -> None:
    bodies = {row["name"]: row["body"] for row in supabase_sql.execute(_BODIES).fetchall()}
    assert sum(len(_CHANGE.findall(_SILENT.sub("''", body))) for body in bodies.values()) > 10
    assert {n: found for n, body in bodies.items() if (found := unconditional(body))} == {}


def test_a_change_without_a_condition_is_noticed() -> None:
    assert unconditional("with a as (delete from t returning n) select 1 where true;") == [
        "delete from t"
    ]
    assert unconditional("update t set a = (select 1 where true); delete from u where b") == [
        "update t"
    ]
    assert unconditional("insert into t values (1) on conflict do update set a = 1;") == []
