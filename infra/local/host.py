"""
The step host: every step and HTTP function in one process, each through functions-framework.

Deployed, each function is a service of its own; here they share a process, mounted by name under
one port: POST /store_user runs store_user exactly as the deployed service would, and acts in core
as that service's own role: the connection string is CORE_DSN_<ROLE>. Functions whose triggers the
Firebase emulator serves are not mounted.

Its socket is the parent's, and listens on while the host is being started again: requests wait, as
they do at Cloud Run's own front. The Pub/Sub emulator loses messages whose push is refused.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import functions_framework
from functions_framework import _http
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from infra.logins import setting
from shared import catalog, clients, settings
from shared.clients import Clients

REPOSITORY = Path(__file__).resolve().parents[2]
HOSTED = {"topic", "http", "schedule"}


def application() -> Any:
    """Return the WSGI application that serves every hosted function under its name."""
    roles = {
        role: Clients(settings.required(setting(role))) for role in catalog.load().core_roles()
    }
    mounts = {
        f"/{function.name}": _rooted(
            functions_framework.create_app(function.name, str(REPOSITORY / "main.py"), "http"),
            roles[function.core_role] if function.core_role else clients.current(),
        )
        for function in catalog.load().functions.values()
        if function.trigger["kind"] in HOSTED
    }
    return DispatcherMiddleware(_root, mounts)


def _rooted(app: Any, own: Clients) -> Any:
    """Serve an app at its mount point without a trailing slash, which Flask would redirect to."""

    def serve(environ: Any, start_response: Any) -> Any:
        environ["PATH_INFO"] = environ.get("PATH_INFO") or "/"
        with clients.use(own):
            return app(environ, start_response)

    return serve


def _root(environ: Any, start_response: Any) -> Any:
    if environ.get("PATH_INFO") == "/":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"step host: POST /<function>\n"]
    return NotFound()(environ, start_response)


def main() -> None:
    """Serve with functions-framework's own production server (gunicorn, threads)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="number of the open file")
    arguments = parser.parse_args()
    # Not public, and the very server a deployed function runs on: that is the point.
    server = _http.create_server(application(), False, bind=f"fd://{arguments.socket}")  # noqa: FBT003
    server.run("127.0.0.1", 0)


if __name__ == "__main__":
    main()
