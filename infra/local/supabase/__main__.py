"""
Run the stand-in for hosted Supabase.

    SUPABASE_DSN=... SUPABASE_SERVICE_KEY=... SUPABASE_ANON_KEY=... \\
        python -m infra.local.supabase --port 54321 [--firebase-project P] [--max-rows 1000]

The environment and not the command line, which is for everybody to see. SUPABASE_DSN is a
superuser's of the Supabase database; with SUPABASE_JWT_SECRET, HS256 tokens signed with it are
accepted too. At start it applies platform.sql (install.py),
waiting for the database if need be; then it prints the port and serves until SIGTERM. While the
database is away it answers 503, and reconnects by itself. It keeps nothing in memory but caches,
so a kill -9 loses only the answers under way. POST /__fault makes it fail on demand (faults.py);
that path exists in the stand-in only.
"""

from __future__ import annotations

import argparse

from infra.local.apply_sql import when_database_is_up
from infra.local.loopback import LoopbackServer, serve_until_signalled
from infra.local.supabase.identity import Keys
from infra.local.supabase.install import install
from infra.local.supabase.server import Supabase
from shared import settings


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="infra.local.supabase")
    parser.add_argument("--port", type=int, required=True, help="0 picks a free port")
    parser.add_argument("--firebase-project", default="", help="accept its emulator's ID tokens")
    parser.add_argument("--max-rows", type=int, default=1000, help="of one read, as when hosted")
    given = parser.parse_args()
    dsn = settings.required("SUPABASE_DSN")
    when_database_is_up(lambda: install(dsn))
    keys = Keys(
        settings.required("SUPABASE_SERVICE_KEY"),
        settings.required("SUPABASE_ANON_KEY"),
        settings.optional("SUPABASE_JWT_SECRET", ""),
        given.firebase_project,
    )
    supabase = Supabase(dsn, keys, given.max_rows)
    serve_until_signalled(LoopbackServer(given.port, supabase.handler()))


if __name__ == "__main__":
    main()
