"""Make a database a hosted Supabase project: before its first migration, and after them."""

from __future__ import annotations

from pathlib import Path

import psycopg

from infra.local.apply_sql import apply_sql

SUPABASE_ISSUER = "http://127.0.0.1/auth/v1"  # of sessions that GoTrue would sign
_TRUST = """
insert into sync.trusted_issuers (issuer, audience, kind) values
  ('https://securetoken.google.com/' || %(project)s, %(project)s, 'firebase'),
  (%(supabase)s, 'authenticated', 'supabase')
"""
FILES = [Path(__file__).with_name(f"{name}.sql") for name in ("platform", "pgcrypto", "vault")]


def install(dsn: str) -> None:
    """Apply the platform's roles, schemas, tables and functions. `dsn` is a superuser's.

    Raises:
        psycopg.Error: the database is away, or the role may not do this.
    """
    apply_sql(dsn, FILES)


def trust(dsn: str, firebase_project: str) -> None:
    """Say whose tokens count, as docs/deploy.md does for a deployment; migrate first."""
    with psycopg.connect(dsn) as connection:
        connection.execute(_TRUST, {"project": firebase_project, "supabase": SUPABASE_ISSUER})
