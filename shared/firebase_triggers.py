"""
Triggers for background events of Firebase: accounts created, documents written.

Firebase's SDK has no decorator for the former, and for the latter one that costs every cold start
0.7 s: it brings the Admin SDK and the Firestore client to read two fields. Here an event is read
as it comes. The SDK is asked only where the Firebase emulator lists the functions, for the manifest
entry it wants; a deployment's triggers come from Terraform.

Second generation Auth events carry the user record in {"value": ...} when created and {"oldValue":
...} when deleted; first generation events carry it bare.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from shared.errors import PermanentError

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent

Handler = Callable[["CloudEvent"], None]
WRITTEN = "google.cloud.firestore.document.v1.written"


def on_user_created(work: Handler) -> Handler:
    """Run on every account created: sign-up, first federated sign-in, Admin SDK."""
    return _background(work, {"eventType": "google.firebase.auth.user.v2.created"})


def on_document_written(document: str) -> Callable[[Handler], Handler]:
    """Run on every document created, changed or deleted below a path such as "users/{uid}"."""
    trigger: dict[str, Any] = {
        "eventType": WRITTEN,
        "eventFilters": {"database": "(default)", "namespace": "(default)"},
        "eventFilterPathPatterns": {"document": document},
    }
    return functools.partial(_background, trigger=trigger)


def user_of(event: CloudEvent) -> dict[str, Any]:
    """Return the user record of an Auth event. Raise PermanentError for one without a uid."""
    data: object = event.data
    if isinstance(data, dict):
        record = cast("dict[str, Any]", data)
        record = record.get("value") or record.get("oldValue") or record
        if isinstance(record, dict) and isinstance(record.get("uid"), str) and record["uid"]:
            return cast("dict[str, Any]", record)
    raise PermanentError("auth_event_without_uid")


def _background(work: Handler, trigger: Mapping[str, Any]) -> Handler:
    @functools.wraps(work)
    def entry(event: CloudEvent) -> None:
        work(event)

    if "FUNCTION_TARGET" not in os.environ:  # set wherever one function is served
        _describe(entry, trigger)
    return entry


def _describe(entry: Handler, trigger: Mapping[str, Any]) -> None:
    """
    Add the manifest entry. Its classes are imported from the SDK's private modules: it offers no
    public way to declare an event it does not know. A test pins that the emulator still accepts it.
    """
    from firebase_functions.private import manifest, util

    endpoint = manifest.ManifestEndpoint(
        entryPoint=entry.__name__,
        platform="gcfv2",
        region=["us-central1"],
        labels={},
        eventTrigger=cast("Any", {"eventFilters": {}, "retry": False} | dict(trigger)),
    )
    util.set_func_endpoint_attr(entry, endpoint)
