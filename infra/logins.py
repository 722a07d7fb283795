"""
Give a role of core a login: a fresh password; the connection string goes to standard output.

    python -m infra.logins people | gcloud secrets versions add CORE_DSN_PEOPLE --data-file=-

The password is on no command line, on no screen and in no statement: the server is told its SCRAM
verifier only. OWNER_DSN in the environment is the owner's connection string. `--through HOST:PORT`
names the pooler that the functions connect to, else the string names the owner's server. A second
run replaces the password: deploy the new version at once, or old instances are turned away.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shared import catalog

_LOGIN = sql.SQL("alter role {role} login password {verifier}")


def role_name(duty: str) -> str:
    """Return a duty's role as infra/core/rights.sql names it."""
    return f"healbridge_{duty}"


def setting(duty: str) -> str:
    """Return the name of the secret that holds a duty's connection string."""
    return f"CORE_DSN_{duty.upper()}"


def login(owner_dsn: str, duty: str, *, through: str = "") -> str:
    """
    Give the role of a duty a new password; return its connection string.

    Raises:
        psycopg.Error: the role is unknown (migrate first), or the owner may not change it.
    """
    role, password = role_name(duty), secrets.token_urlsafe(32)
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        verifier = connection.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        )
        connection.execute(
            _LOGIN.format(role=sql.Identifier(role), verifier=sql.Literal(verifier.decode()))
        )
    known: dict[str, Any] = conninfo_to_dict(owner_dsn) | {"user": role, "password": password}
    if through:
        known["host"], _, known["port"] = through.rpartition(":")
        known.pop("hostaddr", None)
    return make_conninfo("", **known)


def main() -> int:
    """Command line: logins.py DUTY [--through HOST:PORT], with OWNER_DSN in the environment."""
    parser = argparse.ArgumentParser(description="Give a role of core a login.")
    parser.add_argument("duty", choices=[*catalog.load().core_roles(), "status", "erasure"])
    parser.add_argument("--through", default="", help="HOST:PORT of the pooler")
    given = parser.parse_args()
    owner = os.environ.get("OWNER_DSN", "")
    if not owner:
        print("logins: set OWNER_DSN to the owner's connection string", file=sys.stderr)
        return 2
    try:
        print(login(owner, given.duty, through=given.through), end="")
    except psycopg.Error as error:
        print(f"logins: {error.diag.message_primary or 'core is out of reach'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
