"""Bring `net.http_post` and its kin into a database that has the platform's roles."""

from __future__ import annotations

from pathlib import Path

from infra.local.apply_sql import apply_sql

FILE = Path(__file__).parents[1] / "pg_net.sql"


def install(dsn: str) -> None:
    """Apply pg_net.sql; needs the roles of the Supabase stand-in. `dsn` is a superuser's.

    Raises:
        psycopg.Error: the database is away, or lacks a role.
    """
    apply_sql(dsn, [FILE])
