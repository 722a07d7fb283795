"""Migrations: each is applied once, in its own transaction, and an edited one is refused."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from infra import migrate
from infra.local.pg_net import install as pg_net
from infra.local.supabase import install as platform
from tests.databases import BACKEND, Databases

CATALOG = """
select n.nspname || '.' || c.relname || ' ' || c.relkind::text || ' ' ||
  coalesce(string_agg(a.attname || ' ' || a.atttypid::regtype, ', ' order by a.attnum), '') as line
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname in ('public', 'sync') group by n.nspname, c.relname, c.relkind
union all
select p.oid::regprocedure::text || ' ' || md5(pg_get_functiondef(p.oid))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname in ('public', 'sync') and p.prokind = 'f'
union all
select tgrelid::regclass || ' ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
order by 1
"""

DEFINED = re.compile(r"^create (?:or replace )?function ([\w.]+)\(", re.M | re.I)


def prepare(store: str, dsn: str) -> None:
    """Bring what a store has before our migrations."""
    if store == "supabase":
        platform.install(dsn)
        pg_net.install(dsn)
        return
    with psycopg.connect(dsn) as connection:
        connection.execute(BACKEND.read_bytes())


def shape(dsn: str) -> list[tuple[str]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(CATALOG).fetchall()


@pytest.mark.parametrize("store", ["core", "supabase"])
def test_migrations_apply_in_order_and_a_second_time_change_nothing(
    databases: Databases, store: str
) -> None:
    with databases.empty() as dsn:
        prepare(store, dsn)
        names = sorted(path.name for path in migrate.FOLDERS[store].glob("*.sql"))
        assert migrate.migrate(store, dsn) == names
        before = shape(dsn)
        assert migrate.migrate(store, dsn) == []
        assert shape(dsn) == before


@pytest.mark.parametrize("store", ["core", "supabase"])
def test_migrations_keep_the_data_that_is_there_already(databases: Databases, store: str) -> None:
    tables = {
        "core": "insert into users (id, role, firebase_uid) values ('a', 'PATIENT', 'u')",
        "supabase": "create table public.documents (id uuid primary key default gen_random_uuid(),"
        " patient_id text not null, type text, file_url text, text text, structured_json jsonb,"
        " ocr_confidence double precision, created_at timestamptz not null default now());"
        " insert into public.documents (patient_id) values ('u');"
        " create extension if not exists vector with schema extensions;"
        " create table public.rag_chunks (id uuid primary key default gen_random_uuid(),"
        " document_id uuid not null references public.documents(id) on delete cascade,"
        " patient_id text not null, chunk_text text not null,"
        " embedding extensions.vector(1536) not null, metadata jsonb not null default '{}');"
        " insert into public.rag_chunks (document_id, patient_id, chunk_text, embedding)"
        " select id, 'u', 'words', array_fill(0, array[1536])::extensions.vector"
        " from public.documents",
    }
    kept = {
        "core": "select count(*) from users where firebase_uid = 'u'",
        "supabase": "select count(*) from documents d join rag_chunks c on c.document_id = d.id"
        " where d.version > 0 and d.origin = 'upload' and c.content_hash is null",
    }
    with databases.empty() as dsn:
        prepare(store, dsn)
        with psycopg.connect(dsn) as connection:
            connection.execute(tables[store].encode())
        migrate.migrate(store, dsn)
        with psycopg.connect(dsn) as connection:
            assert connection.execute(kept[store].encode()).fetchone() == (1,)


@pytest.mark.parametrize("store", ["core", "supabase"])
def test_every_function_has_one_definition(store: str) -> None:
    """A later one would hide the earlier, and two branches would replace each other in silence."""
    defined: dict[str, list[str]] = {}
    for path in sorted(migrate.FOLDERS[store].glob("*.sql")):
        for name in DEFINED.findall(path.read_text(encoding="utf-8")):
            defined.setdefault(name, []).append(path.name)
    assert {name: files for name, files in defined.items() if len(files) > 1} == {}


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Migrations of our own making, in the place of core's."""
    monkeypatch.setitem(migrate.FOLDERS, "core", tmp_path)
    (tmp_path / "0001_first.sql").write_text("create table first (id integer);")
    (tmp_path / "0002_second.sql").write_text("create table second (id integer);")
    return tmp_path


def test_an_edited_migration_is_refused_by_name(databases: Databases, folder: Path) -> None:
    with databases.empty() as dsn:
        migrate.migrate("core", dsn)
        (folder / "0001_first.sql").write_text("create table first (id bigint);")
        (folder / "0003_third.sql").write_text("create table third (id integer);")
        with pytest.raises(migrate.MigrationError, match=r"0001_first\.sql was edited"):
            migrate.migrate("core", dsn)
        with psycopg.connect(dsn) as connection:
            assert connection.execute("select to_regclass('third')").fetchone() == (None,)


def test_a_failing_migration_leaves_what_was_before_and_can_be_repaired(
    databases: Databases, folder: Path
) -> None:
    (folder / "0002_second.sql").write_text("create table second (id integer); select 1 / 0;")
    with databases.empty() as dsn:
        with pytest.raises(migrate.MigrationError, match=r"0002_second\.sql failed"):
            migrate.migrate("core", dsn)
        with psycopg.connect(dsn) as connection:
            row = connection.execute(
                "select to_regclass('first'), to_regclass('second')"
            ).fetchone()
        assert row == ("first", None)
        (folder / "0002_second.sql").write_text("create table second (id integer);")
        assert migrate.migrate("core", dsn) == ["0002_second.sql"]


def test_a_migration_does_not_queue_the_backend_up_behind_itself(
    databases: Databases, folder: Path
) -> None:
    """Who waits for a table's lock makes all others wait that come after it."""
    (folder / "0002_second.sql").write_text("create index on first (id);")
    with databases.empty() as dsn:
        with psycopg.connect(dsn) as backend:
            backend.execute("create table first (id integer)")
            backend.commit()
            (folder / "0001_first.sql").write_text("select 1;")
            backend.execute("insert into first values (1)")  # and its transaction stays open
            with pytest.raises(migrate.MigrationError, match=r"0002_second\.sql failed: .*again"):
                migrate.migrate("core", dsn)
        assert migrate.migrate("core", dsn) == ["0002_second.sql"]
