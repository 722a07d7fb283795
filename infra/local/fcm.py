"""
Run the stand-in for Firebase Cloud Messaging, POST /v1/projects/{project}/messages:send.

    python -m infra.local.fcm --port 8901 [--project demo-healbridge]

Modelled, from the REST reference and the Admin SDK: the bearer token; a message to one token, its
limits (data of strings, 4096 bytes, an apns-collapse-id of 64 bytes) and the field violations of
one that breaks them; UNREGISTERED, SENDER_ID_MISMATCH and the token's own INVALID_ARGUMENT; and
what a device shows: a message replaces the one of the same Android tag and collapse id.
Left out: topics, conditions, installation ids, devices that are offline, priorities, time to live.

    GET /__shown           {token: {tag: {"times", "notification", "data"}}}
    PUT /__token           {"token", "state": registered | unregistered | mismatch | invalid}
    DELETE /__shown        forget what was shown and how tokens stand
    POST /__fault          make it fail (faults.py)

These paths exist only here. A token nobody spoke of is registered.
"""

from __future__ import annotations

import argparse
import json
import threading
from dataclasses import dataclass, field
from typing import Any, cast

from infra.local.faults import Faults
from infra.local.loopback import (
    JSON,
    Handler,
    LoopbackServer,
    Request,
    Response,
    serve_until_signalled,
)

SHOWN, TOKEN = "/__shown", "/__token"
MAX_PAYLOAD = 4096  # bytes of data and notification together
MAX_COLLAPSE_ID = 64  # bytes, Apple's limit
FIELDS = {"token", "notification", "data", "android", "apns", "webpush", "fcm_options"}
STATES = {
    "unregistered": (404, "NOT_FOUND", "UNREGISTERED"),
    "mismatch": (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
    "invalid": (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
}
STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip
ERROR_CODES = {429: "QUOTA_EXCEEDED", 500: "INTERNAL", 503: "UNAVAILABLE"}


@dataclass
class RefusedError(Exception):
    """A refusal in the form of Google's APIs; `error_code` is FCM's own detail."""

    status: int
    message: str
    error_code: str | None = None
    violations: list[str] = field(default_factory=list[str])

    def body(self) -> bytes:
        """Return the body of the answer."""
        details: list[dict[str, Any]] = []
        if self.error_code:
            kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
            details.append({"@type": kind, "errorCode": self.error_code})
        if self.violations:
            kind = "type.googleapis.com/google.rpc.BadRequest"
            fields = [{"field": name, "description": "invalid"} for name in self.violations]
            details.append({"@type": kind, "fieldViolations": fields})
        status = STATUSES.get(self.status, "UNKNOWN")
        error = {"code": self.status, "message": self.message, "status": status}
        return json.dumps({"error": error | {"details": details}}).encode()


@dataclass
class Messaging:
    """Takes messages of one project and remembers what every device shows."""

    project: str
    shown: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict[str, Any])
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def handler(self) -> Handler:
        """Return what answers requests, with the fault switch in front of it."""
        return Faults(_fault_body).around(self._answer)

    def _answer(self, request: Request) -> Response:
        with self._lock:
            if request.path in {SHOWN, TOKEN}:
                return self._control(request)
            try:
                return _json(200, self._send(request))
            except RefusedError as refusal:
                return Response(refusal.status, refusal.body(), {"Content-Type": JSON})

    def _control(self, request: Request) -> Response:
        if (request.method, request.path) == ("PUT", TOKEN):
            given = json.loads(request.body)
            if given["state"] not in {*STATES, "registered"}:
                return Response(400, b"state: registered, unregistered, mismatch or invalid\n")
            self.tokens[given["token"]] = given["state"]
            return Response(204)
        if request.path == SHOWN and request.method == "DELETE":
            self.shown.clear()
            self.tokens.clear()
            return Response(204)
        if (request.method, request.path) == ("GET", SHOWN):
            return _json(200, self.shown)
        return Response(405)

    def _send(self, request: Request) -> dict[str, Any]:
        if not request.headers.get("authorization", "").startswith("Bearer "):
            raise RefusedError(401, "Request had invalid authentication credentials.")
        if (request.method, request.path) != ("POST", f"/v1/projects/{self.project}/messages:send"):
            raise RefusedError(404, "Requested entity was not found.")
        message = _message(request.body)
        state = self.tokens.get(message["token"], "registered")
        if state in STATES:
            status, _, code = STATES[state]
            raise RefusedError(status, "The registration token cannot be used.", code)
        self._show(message)
        self.sent += 1
        return {"name": f"projects/{self.project}/messages/{self.sent}"}

    def _show(self, message: dict[str, Any]) -> None:
        android, apns = message.get("android", {}), message.get("apns", {})
        tag = android.get("notification", {}).get("tag") or android.get("collapse_key")
        collapse_id = apns.get("headers", {}).get("apns-collapse-id")
        # A device is one of both; that they agree is what makes the replacing work on either.
        at = tag if tag and tag == collapse_id else f"uncollapsed-{self.sent}"
        device = self.shown.setdefault(message["token"], {})
        times = device.get(at, {"times": 0})["times"] + 1
        kept = {name: message.get(name) for name in ("notification", "data")}
        device[at] = kept | {"times": times}


def _message(body: bytes) -> dict[str, Any]:
    """Read a request's message. Raise RefusedError for one that breaks a rule."""
    try:
        message: Any = json.loads(body)["message"]
        token = message["token"]
    except (ValueError, KeyError, TypeError):
        raise _violation("message.token") from None
    if not isinstance(token, str) or not token:
        raise _violation("message.token")
    if unknown := sorted(set(message) - FIELDS):
        raise _violation(*(f"message.{name}" for name in unknown))
    data = cast("dict[str, Any]", message.get("data", {}))
    if not all(isinstance(value, str) for value in data.values()):
        raise _violation("message.data")
    if len(json.dumps([data, message.get("notification")])) > MAX_PAYLOAD:
        raise _violation("message")
    headers = message.get("apns", {}).get("headers", {})
    if len(headers.get("apns-collapse-id", "").encode()) > MAX_COLLAPSE_ID:
        raise _violation("message.apns.headers")
    return cast("dict[str, Any]", message)


def _violation(*fields: str) -> RefusedError:
    return RefusedError(400, "Invalid JSON payload.", "INVALID_ARGUMENT", list(fields))


def _json(status: int, value: object) -> Response:
    return Response(status, json.dumps(value).encode(), {"Content-Type": JSON})


def _fault_body(_request: Request, status: int) -> tuple[bytes, dict[str, str]]:
    refusal = RefusedError(status, "Fault of the stand-in", ERROR_CODES.get(status))
    return refusal.body(), {"Content-Type": JSON}


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="infra.local.fcm")
    parser.add_argument("--port", type=int, required=True, help="0 picks a free port")
    parser.add_argument("--project", default="demo-healbridge")
    given = parser.parse_args()
    serve_until_signalled(LoopbackServer(given.port, Messaging(given.project).handler()))


if __name__ == "__main__":
    main()
