"""
Triggers for Firebase Auth's background events, which the Python SDK has no decorator for.

The decorator adds the manifest entry that the Firebase emulator discovers; a deployment's triggers
come from Terraform. Second generation events carry the user record in {"value": ...} when created
and {"oldValue": ...} when deleted; first generation events carry it bare.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from shared.errors import PermanentError

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent

Handler = Callable[["CloudEvent"], None]


def on_user_created(work: Handler) -> Handler:
    """Run on every account created: sign-up, first federated sign-in, Admin SDK."""
    return _background("google.firebase.auth.user.v2.created", work)


def on_user_deleted(work: Handler) -> Handler:
    """Run on every account deleted; not for accounts deleted in bulk, which send no event."""
    return _background("google.firebase.auth.user.v2.deleted", work)


def user_of(event: CloudEvent) -> dict[str, Any]:
    """Return the user record of an Auth event. Raise PermanentError for one without a uid."""
    data: object = event.data
    if isinstance(data, dict):
        record = cast("dict[str, Any]", data)
        record = record.get("value") or record.get("oldValue") or record
        if isinstance(record, dict) and isinstance(record.get("uid"), str) and record["uid"]:
            return cast("dict[str, Any]", record)
    raise PermanentError("auth_event_without_uid")


def _background(event_type: str, work: Handler) -> Handler:
    @functools.wraps(work)
    def entry(event: CloudEvent) -> None:
        work(event)

    # The manifest classes are imported from the SDK's private modules: it offers no public way to
    # declare an event it does not know. A test pins that the emulator still accepts the entry.
    from firebase_functions.private import manifest, util

    endpoint = manifest.ManifestEndpoint(
        entryPoint=work.__name__,
        platform="gcfv2",
        region=["us-central1"],
        labels={},
        eventTrigger={"eventType": event_type, "eventFilters": {}, "retry": False},
    )
    util.set_func_endpoint_attr(entry, endpoint)
    return entry
