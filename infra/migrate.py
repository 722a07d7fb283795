"""
Apply SQL migrations, each once and in its own transaction; stop at the first that fails. One that
does not get a table within seconds fails, and can be applied again.

`./healbridge-sync migrate core` applies infra/core/migrations and then infra/core/rights.sql,
`... supabase` applies infra/supabase/migrations (the Supabase CLI does the same with `supabase db
push`). OWNER_DSN in the environment is the connection string of the database's owner.

A migration that was applied and then edited is refused: databases that ran the old text would
differ in silence.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import LiteralString, cast

import psycopg

from shared import catalog

ROOT = Path(__file__).parent
FOLDERS = {"core": ROOT / "core" / "migrations", "supabase": ROOT / "supabase" / "migrations"}

_SETUP = """
create schema if not exists healbridge_migrations;
create table if not exists healbridge_migrations.applied (
  store text not null, name text not null, sha256 text not null,
  applied_at timestamptz not null default now(), primary key (store, name)
);
"""
_APPLIED = "select name, sha256 from healbridge_migrations.applied where store = %(store)s"
_KNOWN = "select to_regclass('healbridge_migrations.applied') is not null"
_NOTE = """
insert into healbridge_migrations.applied (store, name, sha256)
values (%(store)s, %(name)s, %(sha256)s)
"""
# What the catalog no longer has is not waited for any more.
_CHART = """
with edge as (
  select * from jsonb_to_recordset(%(edges)s::jsonb) as e(origin text, kind text, step text)
), gone as (
  delete from sync.edges e
  where not exists (
    select from edge n where (n.origin, n.kind, n.step) = (e.origin, e.kind, e.step))
), forgotten as (
  delete from sync.awaited a
  where not exists (select from edge n where (n.origin, n.step) = (a.origin, a.step))
)
insert into sync.edges (origin, kind, step) select origin, kind, step from edge
on conflict do nothing
"""
_CHARTED = "select to_regclass('sync.edges') is not null"
# Who waits for a table makes all wait that come to it later: the backend would stand still behind
# one open transaction of its own. What has its locks may take longer than Supabase's two minutes.
_PATIENCE = "set local lock_timeout = '5s'; set local statement_timeout = 0"
_LOCK = "select pg_advisory_lock(hashtextextended('healbridge_migrations', 0))"


class MigrationError(Exception):
    """A migration cannot be applied; the message names it and says why."""


def migrate(store: str, dsn: str) -> list[str]:
    """Apply what is pending for a store; return the names applied. Raise MigrationError."""
    applied: list[str] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_LOCK)
        connection.execute(_SETUP)
        known = dict(connection.execute(_APPLIED, {"store": store}).fetchall())
        for path in sorted(FOLDERS[store].glob("*.sql")):
            text = path.read_text(encoding="utf-8")
            digest = hashlib.sha256(text.encode()).hexdigest()
            if path.name in known:
                if known[path.name] != digest:
                    raise MigrationError(f"{path.name} was edited after it was applied")
                continue
            _apply(connection, store, path.name, text, digest)
            applied.append(path.name)
        _grant(connection, FOLDERS[store].parent / "rights.sql")
        _chart(connection, store)
    return applied


def pending(store: str, dsn: str) -> list[str]:
    """Return what `migrate` would apply. Raise MigrationError for what was edited since."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        known: dict[str, str] = {}
        if connection.execute(_KNOWN).fetchone() == (True,):
            known = dict(connection.execute(_APPLIED, {"store": store}).fetchall())
    names: list[str] = []
    for path in sorted(FOLDERS[store].glob("*.sql")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if known.get(path.name, digest) != digest:
            raise MigrationError(f"{path.name} was edited after it was applied")
        names += [] if path.name in known else [path.name]
    return names


def _chart(connection: psycopg.Connection, store: str) -> None:
    """Write into core who forwards to whom: its triggers keep account of what is under way."""
    if store == "core" and connection.execute(_CHARTED).fetchone() == (True,):
        connection.execute(_CHART, {"edges": json.dumps(catalog.load().edges())})


def _apply(connection: psycopg.Connection, store: str, name: str, text: str, digest: str) -> None:
    try:
        with connection.transaction():
            connection.execute(_PATIENCE)
            connection.execute(cast("LiteralString", text))
            connection.execute(_NOTE, {"store": store, "name": name, "sha256": digest})
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(f"{name} failed: a table is in use; migrate again") from error
    except psycopg.Error as error:
        raise MigrationError(f"{name} failed: {error.diag.message_primary or error}") from error


def _grant(connection: psycopg.Connection, rights: Path) -> None:
    """Set a store's rights anew: they are a state, not a history. Supabase's are in migrations."""
    if not rights.exists():
        return
    try:
        with connection.transaction():
            connection.execute("set local client_min_messages = error")
            connection.execute(cast("LiteralString", rights.read_text(encoding="utf-8")))
    except psycopg.Error as error:
        raise MigrationError(f"{rights.name} failed: {error.diag.message_primary}") from error
