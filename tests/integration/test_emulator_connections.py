"""The emulators ask a function over a connection of its own: a kept one may end under a request."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.local.nodejs import firebase_cli

ASK_TWICE = """
const http = require("http");
const ask = (then) => http.get(process.argv[1], (r) => r.resume().on("end", then));
ask(() => setTimeout(() => ask(() => {}), 50));
"""


class Server(ThreadingHTTPServer):
    """Keeps connections, as a function's server does, and counts them."""

    connections = 0

    def get_request(self) -> tuple[object, object]:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.connections += 1
        return super().get_request()


class Handler(BaseHTTPRequestHandler):
    """Answers everything with nothing."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Write nothing."""


@pytest.fixture(name="server")
def _server() -> Generator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_each_request_of_the_emulators_has_a_connection_of_its_own(server: Server) -> None:
    node, preload, _ = firebase_cli()
    url = f"http://127.0.0.1:{server.server_port}/"
    # From the CLI's folder, where the preloaded file finds what it needs.
    subprocess.run([node, preload, "-e", ASK_TWICE, url], check=True, timeout=60)
    assert server.connections == 2
