"""
Faults on demand, for the stand-ins of hosted services: `POST /__fault`, `DELETE /__fault`.

No hosted service has this path. It lets a test or the demo make a stand-in fail the way the real
service fails now and then. The servers listen on 127.0.0.1 only.

    POST {"status": 503, "count": 3}                   the next three requests are refused
    POST {"status": 429, "retry_after": 2, "path": "/rest/v1/rpc/", "method": "POST"}
    POST {"status": 503, "when": "after"}              it is carried out, then the answer is lost
    POST {"status": 0}                                 the connection closes without an answer
    POST {"delay_ms": 40}                              every request waits, until DELETE

`count` defaults to 1 for a failure and to "until DELETE" for a mere delay. `body` replaces the
refusal's default body. Of several faults that match a request, the one posted first is used.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.local.loopback import JSON, Handler, Request, Response

PATH = "/__fault"
FIELDS = {"count", "status", "retry_after", "path", "method", "delay_ms", "when", "body"}
MAX_DELAY_MS = 600_000


@dataclass(slots=True)
class Fault:
    """What to do to the next `count` requests whose path starts with `path`; None: to all."""

    count: int | None = None
    status: int | None = None
    retry_after: float | None = None
    path: str = "/"
    method: str | None = None
    delay_ms: float = 0
    when: str = "before"
    body: object = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a value no answer could have; names the field and the rule.
        """
        if self.status is not None and self.status != 0 and not 400 <= self.status <= 599:
            raise ValueError("status: 400 to 599, or 0 to close the connection")
        if not 0 <= self.delay_ms <= MAX_DELAY_MS:
            raise ValueError(f"delay_ms: 0 to {MAX_DELAY_MS}")
        if self.when not in {"before", "after"}:
            raise ValueError("when: before or after")
        if self.status is None and not self.delay_ms:
            raise ValueError("status or delay_ms is needed")
        if self.count is None and self.status is not None:
            self.count = 1

    def matches(self, request: Request) -> bool:
        """Tell whether it is meant for this request."""
        return request.path.startswith(self.path) and self.method in {None, request.method}


DefaultBody = Callable[[Request, int], "tuple[bytes, dict[str, str]]"]
"""The body and headers a refusal of this service has, given the request and the status."""


@dataclass(slots=True)
class Faults:
    """The faults asked for and not yet used up."""

    default_body: DefaultBody
    _pending: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def around(self, handler: Handler) -> Handler:
        """Return `handler` with the faults and their control path in front of it."""

        def answer(request: Request) -> Response | None:
            if request.path == PATH:
                return self._control(request)
            fault = self._take(request) if self._pending else None
            if fault is None:
                return handler(request)
            time.sleep(fault.delay_ms / 1000)
            if fault.status is None:
                return handler(request)
            if fault.when == "after":
                handler(request)
            return self._refusal(fault, request)

        return answer

    def _control(self, request: Request) -> Response:
        if request.method == "DELETE":
            with self._lock:
                self._pending.clear()
            return Response(204)
        if request.method != "POST":
            return Response(405, b"POST or DELETE\n")
        try:
            fault = _parse(request.body)
        except (ValueError, TypeError) as mistake:
            return Response(400, f"{mistake}\n".encode())
        with self._lock:
            self._pending.append(fault)
        return Response(204)

    def _take(self, request: Request) -> Fault | None:
        with self._lock:
            fault = next((fault for fault in self._pending if fault.matches(request)), None)
            if fault is not None and fault.count is not None:
                fault.count -= 1
                if fault.count <= 0:
                    self._pending.remove(fault)
            return fault

    def _refusal(self, fault: Fault, request: Request) -> Response | None:
        if not fault.status:
            return None
        body, headers = self.default_body(request, fault.status)
        if fault.body is not None:
            body, headers = json.dumps(fault.body).encode(), {"Content-Type": JSON}
        if fault.retry_after is not None:
            headers["Retry-After"] = f"{fault.retry_after:g}"
        return Response(fault.status, body, headers)


def _parse(body: bytes) -> Fault:
    wanted: Any = json.loads(body)
    if not isinstance(wanted, dict):
        raise TypeError("the body must be a JSON object")
    if unknown := set(wanted) - FIELDS:
        raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
    return Fault(**wanted)
