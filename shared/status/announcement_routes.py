"""The product's own webhook routes. What they announce is on record before it is published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared import log, settings
from shared.access import webhook
from shared.events import Event, Ref
from shared.observability import tracing
from shared.runner import Batch
from shared.status import page
from shared.status.routes import Parameter, Route

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

NAME = "receive_announcement"
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@dataclass(frozen=True, slots=True)
class Announced:
    """Under which trace the status endpoints show what becomes of it."""

    trace_id: str


def _document(to: Clients, given: Mapping[str, Any], _: Request) -> Announced:
    return _announce(to, "document-changed", Ref("document", given["document_id"].lower()))


def _user(to: Clients, given: Mapping[str, Any], _: Request) -> Announced:
    return _announce(to, "user-changed", Ref("user", given["uid"]))


def _signed(request: Request, body: bytes) -> dict[str, str]:
    webhook.authenticate(request.headers, body, settings.required("WEBHOOK_SECRET"))
    return {}


def _announce(to: Clients, topic: str, ref: Ref) -> Announced:
    event = Event(topic, (ref,), tracing.continued())
    to.ledger.announced(Batch(NAME, event.refs, event.traceparent))
    to.publish([event])
    log.event("announced", step=NAME, topic=topic)
    return Announced(event.trace_id)


def _id(name: str, text: str, pattern: str, most: int) -> Parameter:
    schema = {"type": "string", "pattern": f"^{pattern}$", "minLength": 1, "maxLength": most}
    return Parameter(name, schema, text, "body", required=True)


def _unused(name: str, text: str) -> Parameter:
    return Parameter(name, {"type": ["string", "null"], "maxLength": 320}, text, "body")


_OF_PRODUCT: tuple[Route, ...] = (
    Route("POST", "/supabase/document-processed", "The upload will be stored and indexed",
          _document, Announced,
          (_id("document_id", "the document's id in Supabase", _UUID, 36),
           _unused("patient_id", "not used: it is read from Supabase"),
           _unused("type", "not used: it is read from Supabase")),
          status=202, admit=_signed),
    Route("POST", "/firebase/user-created", "The user will be brought into core and Supabase",
          _user, Announced,
          (_id("uid", "the user's Firebase uid", "[!-~]{1,128}", 128),
           _unused("email", "not used: it is read from Firebase"),
           _unused("phoneNumber", "not used: it is read from Firebase")),
          status=202, admit=_signed),
)  # fmt: skip
ROUTES = (
    *_OF_PRODUCT,
    page.description("HealBridge Sync: announcements", "The product's own webhooks.", _OF_PRODUCT),
)
