"""
Firebase's triggers as entry points: accounts created, documents written, somebody signing in.

The SDK's own decorators are not used. Its Firestore decoder makes a client for every event and
cannot read the JSON form; its sign-in hook fetches Google's keys for every call, answers 500 to a
bad token and logs what it was sent; and it has no decorator for Auth's background events. An
exception that leaves an entry point is logged and answered with its text by functions-framework,
so only codes leave these. An entry point of the first generation is called with (data, context),
one of the second with a CloudEvent.

What cannot be read is logged and acknowledged: it would come again for a day and never be better,
and reconciliation finds whatever it meant. The manifest entry that each decorator adds serves the
Firebase emulator, which discovers functions by it; a deployment's triggers come from Terraform.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from shared import clients, log, runtime
from shared.access import signed_in, webhook
from shared.errors import PermanentError, RequestError, SyncError, TransientError
from shared.observability import tracing
from shared.outcomes import unknown_code

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent
    from flask import Request

Read = TypeVar("Read")
EventEntry = Callable[["CloudEvent"], None]


@dataclass(frozen=True, slots=True)
class Written:
    """
    A document that was written or deleted: its id, its update time in microseconds since 1970 (0:
    deleted), and its field `uid` where it has one that is text; None stands for any other value.
    """

    id: str
    version: int
    fields: Mapping[str, str | None]


def on_user_created(work: Callable[[str], None]) -> EventEntry:
    """Run on every account created: sign-up, first federated sign-in, Admin SDK. Gives the uid."""
    trigger = {"eventType": "google.firebase.auth.user.v2.created", "eventFilters": {}}
    return _background(work, user_of, trigger)


def on_user_deleted(work: Callable[[str], None]) -> EventEntry:
    """Run on every account deleted, not for those deleted in bulk: no event. Gives the uid."""
    trigger = {"eventType": "google.firebase.auth.user.v2.deleted", "eventFilters": {}}
    return _background(work, user_of, trigger)


def on_document_written(collection: str) -> Callable[[Callable[[Written], None]], EventEntry]:
    """Run on every document of a collection that is made, changed or deleted."""
    trigger: dict[str, Any] = {
        "eventType": "google.cloud.firestore.document.v1.written",
        "eventFilters": {"database": "(default)", "namespace": "(default)"},
        "eventFilterPathPatterns": {"document": f"{collection}/{{uid}}"},
    }

    def decorate(work: Callable[[Written], None]) -> EventEntry:
        return _background(work, functools.partial(document_of, collection), trigger)

    return decorate


def before_sign_in(work: Callable[[str], None]) -> Callable[[Request], runtime.Answer]:
    """
    Run before a sign-in, with the uid; whatever becomes of it, the sign-in goes on as it is.

    Only a request that is not Firebase's is refused: that is nobody's sign-in.
    """

    @functools.wraps(work)
    def entry(request: Request) -> runtime.Answer:
        log.quiet_vendors()
        name = work.__name__
        try:
            runtime.admit(name, request, clients.current())
            uid = signed_in.uid_of_sign_in(_token(webhook.read_body(request)))
            with tracing.invocation(name):
                work(uid)
        except RequestError as error:
            return runtime.reject(name, error)
        except Exception as error:  # noqa: BLE001 - no fault of ours may keep a patient out
            log.event("not_announced", severity="ERROR", step=name, code=unknown_code(error))
        return "{}", 200, {"Content-Type": "application/json"}

    event = "providers/cloud.auth/eventTypes/user.beforeSignIn"
    options = {"accessToken": False, "idToken": False, "refreshToken": False}
    return _listed(entry, blockingTrigger={"eventType": event, "options": options})


def user_of(event: CloudEvent) -> str:
    """
    Return the uid of an Auth event: the user record lies in {"value": ...} when created, in
    {"oldValue": ...} when deleted, and bare in the first generation. Raise PermanentError.
    """
    data: object = event if isinstance(event, dict) else event.data
    if isinstance(data, dict):
        record = cast("dict[str, Any]", data)
        record = record.get("value") or record.get("oldValue") or record
        uid = record.get("uid") if isinstance(record, dict) else None
        if isinstance(uid, str) and uid:
            return uid
    raise PermanentError("auth_event_without_uid")


def document_of(collection: str, event: CloudEvent) -> Written:
    """Return the document of a Firestore event, in protobuf or JSON. Raise PermanentError."""
    path = event.get("document")
    folder, _, name = path.rpartition("/") if isinstance(path, str) else ("", "", "")
    if folder != collection or not name:
        raise PermanentError("firestore_event_without_document")
    try:
        data = _event_data(event.data)
    except Exception:  # noqa: BLE001 - a decoder of hostile bytes may raise anything
        raise PermanentError("firestore_event_unreadable") from None
    after, before = data.value, data.old_value
    version = 0
    if after.name:
        stamp = after.update_time
        version = stamp.seconds * 1_000_000 + stamp.nanos // 1000
    given = (after if after.name else before).fields
    fields = {"uid": given["uid"]} if "uid" in given else {}
    texts = {
        field: value.string_value if value.WhichOneof("value_type") == "string_value" else None
        for field, value in fields.items()
    }
    return Written(name, version, texts)


def _event_data(data: object) -> Any:
    """Return the event's protobuf message, without the wrapper that copies every value."""
    from google.events.cloud.firestore import DocumentEventData
    from google.protobuf import json_format

    plain = DocumentEventData.pb()
    message: Any = plain()
    if isinstance(data, bytes):
        message.ParseFromString(data)
    else:
        json_format.ParseDict(data, message, ignore_unknown_fields=True)
    return message


def _token(body: bytes) -> str:
    try:
        token = json.loads(body)["data"]["jwt"]
    except (ValueError, KeyError, TypeError, RecursionError):
        token = None
    if not isinstance(token, str):
        raise RequestError(400, "hook_form", "the body must be {data: {jwt}}")
    return token


def _background(
    work: Callable[[Read], None], read: Callable[[CloudEvent], Read], trigger: dict[str, Any]
) -> EventEntry:
    @functools.wraps(work)
    def entry(event: Any, context: object = None) -> None:  # noqa: ARG001 - see the docstring
        log.quiet_vendors()
        try:
            with tracing.invocation(work.__name__):
                work(read(event))
        except PermanentError as error:
            log.event("unreadable", severity="ERROR", step=work.__name__, code=error.code)
        except SyncError:
            raise
        except Exception as error:  # noqa: BLE001 - its text may hold anything
            raise TransientError(unknown_code(error)) from None

    return _listed(entry, eventTrigger=trigger | {"retry": False})


Entry = TypeVar("Entry")


def _listed(entry: Entry, **trigger: Any) -> Entry:
    # Only where functions are listed: the import takes half a second, which a served function
    # (its target is set) would pay at every cold start.
    if "FUNCTION_TARGET" in os.environ:
        return entry
    # The manifest classes are imported from the SDK's private modules: it offers no public way to
    # declare an event it does not know. A test pins that the emulator still accepts the entries.
    from firebase_functions.private import manifest, util

    name = cast("Any", entry).__name__
    endpoint = manifest.ManifestEndpoint(
        entryPoint=name, platform="gcfv2", region=["us-central1"], labels={}, **trigger
    )
    util.set_func_endpoint_attr(cast("Any", entry), endpoint)
    return entry
