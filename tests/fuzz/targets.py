"""
The targets: every door, by the catalog, and every decoder of content. Each takes any bytes.

A door must answer without a 5xx of ours; content must be stored whole, parked with a reason, or
waited for. What needs several inputs takes them as fields of one JSON object.
"""

from __future__ import annotations

import base64
import json
import time
from io import BytesIO
from typing import Any

import jwt
from cloudevents.exceptions import GenericException
from cloudevents.http import from_http
from flask import Request

import main
from shared import catalog, transport
from shared.access import signed_in, tokens, webhook
from shared.errors import PermanentError, RequestError
from shared.events import Ref, decode
from tests.fuzz import content, routes, world
from tests.fuzz.environment import SECRET
from tests.fuzz.findings import REPOSITORY, Breach, Target

TARGETS: dict[str, Target] = {}
_HOOK_ISSUER = "https://securetoken.google.com/demo-fuzz"
_JSON = "application/json"


def target(work: Target) -> Target:
    """Register a target under its function's name."""
    TARGETS[work.__name__] = work
    return work


for door in (routes.routes, routes.announcement):
    target(door)
for content_of in (
    content.document,
    content.profile,
    content.doctor,
    content.prescription,
    content.pdf_url,
):
    target(content_of)


def _request(
    body: bytes, *, method: str = "POST", query: str = "", headers: dict[str, str] | None = None
) -> Request:
    given = {"Content-Type": _JSON} | (headers or {})
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/",
        "QUERY_STRING": query,
        "SERVER_NAME": "fuzz",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": given.pop("Content-Type"),
    }
    names = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in given.items()}
    return Request(environ | names)


def _answered(name: str, request: Request, *allowed: int) -> int:
    """Call a function's entry point; any 500 is a breach, and any status that is not allowed."""
    status = int(getattr(main, name)(request)[1])
    if status == 500 or (allowed and status not in allowed):
        raise Breach("server_error", f"{name} answers {status}")
    return status


def _text(value: object) -> str:
    """Return a header's text: what a server would let through."""
    return (
        str(value).encode("latin-1", errors="replace").decode("latin-1").translate({10: 32, 13: 32})
    )


@target
def webhook_body(data: bytes) -> None:
    """A body that is signed as it should be."""
    to = world.fresh()
    to.memory_supabase.upload({"id": world.DOCUMENT, "patient_id": world.UID})
    stamp = int(time.time())
    headers = {
        "X-HealBridge-Timestamp": str(stamp),
        "X-HealBridge-Signature": webhook.sign(SECRET, stamp, data),
    }
    status = _answered("receive_document", _request(data, headers=headers), 200, 400, 413, 422)
    if (status == 200) is not bool(to.bus.published):
        raise Breach("half_written", "a refused hint was announced, or an accepted one was not")


@target
def webhook_headers(data: bytes) -> None:
    """Headers of a stranger: nobody is admitted."""
    to = world.fresh()
    fields = world.fields_of(data)
    names = ("X-HealBridge-Timestamp", "X-HealBridge-Signature", "Content-Type", "X-Forwarded-For")
    headers = {name: _text(fields[name]) for name in names if name in fields}
    method = str(fields.get("method"))
    method = method if method in ("GET", "PUT", "HEAD") else "POST"
    body = json.dumps(fields.get("body")).encode()
    status = _answered("receive_document", _request(body, method=method, headers=headers))
    if status < 400 or to.bus.published:
        raise Breach("admitted", "an unsigned hint")


@target
def endpoints(data: bytes) -> None:
    """Every HTTP function of the catalog, as its proper caller calls it with a bad request."""
    fields = world.fields_of(data)
    body = json.dumps(fields.get("body", fields)).encode()
    token = jwt.encode({"sub": world.UID, "iss": _HOOK_ISSUER, "aud": "demo-fuzz"}, "", "none")
    for function in catalog.load().functions.values():
        if function.trigger["kind"] == "http" and function.name != "receive_document":
            world.fresh()
            headers = {"Authorization": f"Bearer {token}"}
            query = _text(fields.get("query", ""))
            for method in ("POST", "GET"):
                request = _request(body, method=method, query=query, headers=headers)
                _answered(function.name, request)


@target
def push(data: bytes) -> None:
    """A delivery's body, to every kind of step: what cannot be read is parked."""
    to = world.fresh()
    steps = world.steps()
    function = steps[len(data) % len(steps)]
    _answered(function.name, _request(data), 204, 429, 503)
    world.check(to)


@target
def message(data: bytes) -> None:
    """A message's data, well wrapped, to every step in turn."""
    to = world.fresh()
    steps = world.steps()
    function = steps[len(data) % len(steps)]
    given = world.parsed(data)
    attributes = given.get("attributes") if isinstance(given, dict) else None
    wrapped = {
        "message": {
            "data": base64.b64encode(data).decode(),
            "messageId": "1",
            "attributes": attributes,
        }
    }
    _answered(function.name, _request(json.dumps(wrapped).encode()), 204, 429, 503)
    world.check(to)


@target
def decoders(data: bytes) -> None:
    """The two decoders by themselves: read, or refused with a code."""
    for content_type in (_JSON, "application/cloudevents+json"):
        try:
            read = transport.decode(data, content_type)
            decode("user-changed", read.data, read.attributes)
        except PermanentError:
            pass
    try:
        event = decode("user-changed", data, {})
    except PermanentError:
        return
    for ref in event.refs:
        world.storable([ref.kind, ref.key])


def _event(name: str, kind: str, body: bytes, content_type: str, document: str = "") -> None:
    to = world.fresh()
    headers = {
        "ce-id": "1", "ce-specversion": "1.0", "ce-type": kind, "ce-source": "//fuzz",
        "ce-time": "2026-05-01T10:00:00Z", "content-type": content_type,
    }  # fmt: skip
    if document:
        headers["ce-document"] = document
    try:
        event = from_http(headers, body)
    except (GenericException, ValueError):  # functions-framework's to answer
        return
    getattr(main, name)(event)
    if any(key.strip() != key for sent in to.bus.published for _, key, _ in map(_parts, sent.refs)):
        raise Breach("half_written", "a uid that no step can read")


def _parts(ref: Ref) -> tuple[str, str, int]:
    return ref.kind, ref.key, ref.version


@target
def auth_event(data: bytes) -> None:
    """An account created: the user record of either generation."""
    _event("announce_user", "google.firebase.auth.user.v2.created", data, _JSON)


@target
def firestore_event(data: bytes) -> None:
    """A document written, in protobuf and in JSON, by any name."""
    kind = "google.cloud.firestore.document.v1.written"
    for name, collection in (("announce_profile", "users"), ("announce_doctor", "doctors")):
        for content_type in ("application/protobuf", _JSON):
            _event(name, kind, data, content_type, f"{collection}/{world.UID}")
    path = _text(data.decode(errors="replace"))[:200]
    _event("announce_profile", kind, b"", "application/protobuf", path)


@target
def sign_in_hook(data: bytes) -> None:
    """The body of a blocking function: a sign-in is never refused for a fault of ours."""
    world.fresh()
    _answered("announce_sign_in", _request(data), 200, 400, 401, 413)


@target
def token(data: bytes) -> None:
    """A bearer token: none that the fuzzer can make is a signed one."""
    text = data.decode("latin-1")
    try:
        tokens.claims(tokens.bearer(text), keys_url=_no_keys(), issuers=["x"], audience="y")
    except RequestError:
        pass
    else:
        raise Breach("admitted", "a token of nobody")
    try:
        uid = signed_in.uid_of(text)
    except RequestError:
        return
    if not 0 < len(uid) <= 128:
        raise Breach("admitted", "a token that names nobody")


def _no_keys() -> str:
    """Put one key of a stranger where Google's are looked for; it is fetched from nowhere."""
    from shared.access import google_keys

    key = jwt.PyJWK({"kty": "RSA", "kid": "one", "n": "u" * 342, "e": "AQAB"}, "RS256")
    known = google_keys.keys_at("http://127.0.0.1:9/none")
    known._keys, known._fetched, known._tried = {"one": key}, known._now(), known._now()
    return "http://127.0.0.1:9/none"


def seeds(name: str) -> list[bytes]:
    """Return a target's seeds."""
    folder = REPOSITORY / "tests" / "fuzz" / "seeds" / name
    return [path.read_bytes() for path in sorted(folder.glob("*"))]
