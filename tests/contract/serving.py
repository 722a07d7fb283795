"""A handler served on 127.0.0.1 in a thread, for clients that speak HTTP only."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from infra.local.loopback import Handler, LoopbackServer


@contextmanager
def served(handler: Handler) -> Generator[str]:
    """Serve; yields host:port."""
    with LoopbackServer(0, handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.port}"
        finally:
            server.shutdown()
            thread.join()
