"""Core restored from a backup by PostgreSQL's own programs, as docs/operate.md says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from infra import migrate
from infra.local.postgres import binaries
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.commanding import Commanding
from tests.contract.real_stores import RealStores, Sql
from tests.databases import REPOSITORY

GUIDE = (REPOSITORY / "docs" / "operate.md").read_text(encoding="utf-8")
BACKUP, RESTORE = re.findall(r"^(pg_(?:dump|restore) .*)$", GUIDE, re.M)
(SETVAL,) = re.findall(r"^(select setval.*;)$", GUIDE, re.M)
OLD, NEW = (f"3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f00{n}" for n in ("11", "12"))


def run(line: str, dsn: str, folder: Path) -> None:
    programs = {"PATH": f"{binaries(for_others=False)}:/usr/bin:/bin", "OWNER_DSN": dsn}
    done = subprocess.run(["bash", "-c", line], env=programs, cwd=folder, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr


def documents(to: RealStores) -> set[str]:
    return {row["id"] for row in to.core_sql.execute("select id::text from documents")}


def sign_up(to: RealStores, uid: str, upload: str) -> None:
    to.sign_up(uid, email=f"{uid}@example.com")
    to.reconcile("users")
    to.run()
    to.upload(upload, uid)
    to.run()


def test_core_comes_back_and_reconcile_finds_what_status_cannot(
    core_dsn: str,
    core: CoreDatabase,
    sql: Sql,
    supabase: Supabase,
    supabase_sql: Sql,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    to = RealStores(core, sql, supabase, supabase_sql)
    operator = Commanding(to, monkeypatch)
    owner = make_conninfo(core_dsn, options="-c role=core_owner")
    sign_up(to, "u1", OLD)
    run(BACKUP, owner, tmp_path)
    sign_up(to, "u2", NEW)
    assert documents(to) == {OLD, NEW}
    seen = sql.execute("select last_value as v from sync.version").fetchall()[0]["v"]

    run(RESTORE, owner, tmp_path)
    assert documents(to) == {OLD}
    assert migrate.pending("core", owner) == []
    sql.execute(SETVAL.encode())
    (now,) = sql.execute("select last_value as v from sync.version").fetchall()
    assert now["v"] > seen + 900_000

    # The restored ledger knows nothing of what it lost: the trap that the guide tells of.
    assert operator.json("status")["status"] == "healthy"
    for _ in range(2):
        to.age()
        operator.run("reconcile", "--grace", "0")
        to.run()
    assert documents(to) == {OLD, NEW}
    to.age()
    told = operator.json("reconcile", "--grace", "0", "--dry-run")
    assert {name: row["found"] for name, row in told.items() if row["found"]} == {}
    sign_up(to, "u3", "3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f0013")
    assert len(documents(to)) == 3
