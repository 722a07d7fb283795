"""
Run the stand-in for hosted Supabase.

    python -m infra.local.supabase --port 54321 --dsn postgresql://... \\
        --service-key K --anon-key A [--jwt-secret S] [--firebase-project P] [--max-rows 1000]

`--dsn` is a superuser's of the Supabase database. At start it applies platform.sql (install.py),
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


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="infra.local.supabase")
    parser.add_argument("--port", type=int, required=True, help="0 picks a free port")
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--service-key", required=True)
    parser.add_argument("--anon-key", required=True)
    parser.add_argument("--jwt-secret", default="", help="accept HS256 tokens signed with it")
    parser.add_argument("--firebase-project", default="", help="accept its emulator's ID tokens")
    parser.add_argument("--max-rows", type=int, default=1000, help="of one read, as when hosted")
    given = parser.parse_args()
    when_database_is_up(lambda: install(given.dsn))
    keys = Keys(given.service_key, given.anon_key, given.jwt_secret, given.firebase_project)
    supabase = Supabase(given.dsn, keys, given.max_rows)
    serve_until_signalled(LoopbackServer(given.port, supabase.handler()))


if __name__ == "__main__":
    main()
