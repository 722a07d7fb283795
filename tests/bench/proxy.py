"""
A TCP proxy on 127.0.0.1 that delays and counts round trips.

A round trip is a change of direction: the client speaks after the server did. What one side sends
in several pieces without waiting is one; so a pipeline of five statements counts once.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

_PIECE = 1 << 16


class Proxy:
    """Forwards connections to an address; every round trip takes `delay_s` longer."""

    def __init__(self, target: tuple[str, int], delay_s: float = 0.0) -> None:
        self.round_trips = 0
        self._target, self._delay_s = target, delay_s
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """The port to connect to."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """End the listener and every connection."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open += [client, server]
            answered = threading.Event()
            answered.set()
            for source, sink, asks in ((client, server, True), (server, client, False)):
                threading.Thread(
                    target=self._pump, args=(source, sink, answered, asks), daemon=True
                ).start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, answered: threading.Event, asks: bool
    ) -> None:
        with suppress(OSError):
            while data := source.recv(_PIECE):
                if not asks:
                    answered.set()
                elif answered.is_set():
                    answered.clear()
                    self.round_trips += 1
                    time.sleep(self._delay_s)
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(host: str, port: int, delay_s: float = 0.0) -> Generator[Proxy]:
    """Lend a proxy in front of an address."""
    proxy = Proxy((host, port), delay_s)
    try:
        yield proxy
    finally:
        proxy.close()
