"""
Print what the databases grant, as lines for core.txt or supabase.txt: to review, then to copy.

    python -m tests.contract.rights {core,supabase}
"""

from __future__ import annotations

import sys

import psycopg

from tests.contract.rights import test_core, test_supabase
from tests.contract.rights.matrix import granted, text
from tests.databases import databases


def main(store: str) -> None:
    """Make the database anew, and print its matrix."""
    of = {"core": test_core, "supabase": test_supabase}[store]
    nobody = list(of.ROLES)[-1]
    functions = test_core.WITH_FUNCTIONS if store == "core" else of.SCHEMAS
    with (
        databases() as running,
        getattr(running, store)() as dsn,
        psycopg.connect(dsn) as connection,
    ):
        connection.execute(f"create role {nobody}".encode())
        matrix = granted(connection, of.ROLES, of.SCHEMAS, functions)
        print(text(matrix, list(of.ROLES.values())), end="")


if __name__ == "__main__":
    main(sys.argv[1])
