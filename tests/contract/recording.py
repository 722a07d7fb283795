"""A server for comparisons: what arrives from a vendor's package and from us must mean the same."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.local.loopback import JSON, Request, Response
from tests.contract.serving import served

# The transport's own, and what a package tells of itself.
OF_THE_CLIENT = {"host", "connection", "user-agent", "accept-encoding", "content-length"}
OF_THE_PACKAGE = ("x-client-", "x-stainless-", "x-goog-api-client", "x-firebase-client")


@dataclass
class Server:
    """Keeps what it is sent and answers all of it alike."""

    host: str = ""
    requests: list[Request] = field(default_factory=list)
    answer: Response = Response(200, b"{}", {"Content-Type": JSON})  # noqa: RUF009 - frozen

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}"

    def says(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        """Have it answer so, with a body as it is or as JSON."""
        content = body if isinstance(body, str) else json.dumps(body)
        self.answer = Response(status, content.encode(), {"Content-Type": JSON} | (headers or {}))

    def take(self, request: Request) -> Response:
        """Keep a request and answer it."""
        self.requests.append(request)
        return self.answer

    def meanings(self) -> list[tuple[Any, ...]]:
        """Return what each request means: method, path, query, JSON body, headers."""
        return [
            (r.method, r.path, r.query, json.loads(r.body) if r.body else None, _headers(r))
            for r in self.requests
        ]


def _headers(request: Request) -> dict[str, str]:
    given = {"accept": "*/*"} | request.headers  # which is what none means
    return {
        name: value
        for name, value in given.items()
        if name not in OF_THE_CLIENT and not name.startswith(OF_THE_PACKAGE)
    }


@contextmanager
def recording() -> Generator[Server]:
    """Serve for the time of a test."""
    server = Server()
    with served(server.take) as host:
        server.host = host
        yield server
