"""Servers on 127.0.0.1 in a thread, for clients that speak HTTP only."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager

from infra.local.loopback import Handler, LoopbackServer


@contextmanager
def serving(server: socketserver.TCPServer) -> Generator[int]:
    """Serve for the time of a test; yields the port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def served(handler: Handler) -> Generator[str]:
    """Serve a handler; yields host:port."""
    with serving(LoopbackServer(0, handler)) as port:
        yield f"127.0.0.1:{port}"
