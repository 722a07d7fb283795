"""Make a database look like a hosted Supabase project before its first migration."""

from __future__ import annotations

from pathlib import Path

from infra.local.apply_sql import apply_sql

FILES = [Path(__file__).with_name(f"{name}.sql") for name in ("platform", "pgcrypto", "vault")]


def install(dsn: str) -> None:
    """Apply the platform's roles, schemas, tables and functions. `dsn` is a superuser's.

    Raises:
        psycopg.Error: the database is away, or the role may not do this.
    """
    apply_sql(dsn, FILES)
