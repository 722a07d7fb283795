"""The databases of a local stack: core, owned by its backend, and Supabase's, both migrated."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql

from infra import migrate
from infra.local.pg_net import install as pg_net
from infra.local.stack_facts import CORE_OWNER, PROJECT, REPOSITORY
from infra.local.supabase import install as supabase
from infra.logins import login
from shared import catalog

_OWNER = sql.SQL("create role {} login createrole password {}")


def make_core(server_dsn: str, core_dsn: str, owner_secret: str) -> dict[str, str]:
    """Make core with the backend's tables and ours; return a connection string for each role."""
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        verifier = connection.pgconn.encrypt_password(
            owner_secret.encode(), CORE_OWNER.encode(), b"scram-sha-256"
        )
        owner = sql.Identifier(CORE_OWNER)
        connection.execute(_OWNER.format(owner, sql.Literal(verifier.decode())))
        connection.execute(sql.SQL("create database core owner {}").format(owner))
    with psycopg.connect(core_dsn) as connection:
        connection.execute((REPOSITORY / "infra/core/backend.sql").read_bytes())
    migrate.migrate("core", core_dsn)
    return {role: login(core_dsn, role) for role in catalog.load().core_roles()}


def make_supabase(server_dsn: str, supabase_dsn: str, vault: Mapping[str, str]) -> None:
    """Make Supabase's database with what its platform has, ours, and secrets in its vault."""
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute("create database supabase")
    supabase.install(supabase_dsn)
    pg_net.install(supabase_dsn)
    migrate.migrate("supabase", supabase_dsn)
    supabase.trust(supabase_dsn, PROJECT)
    with psycopg.connect(supabase_dsn) as connection:
        for name, value in vault.items():
            connection.execute("select vault.create_secret(%s, %s)", [value, name])
