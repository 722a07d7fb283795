"""
What travels between functions: references, never content.

A message's data is {"refs": [{"kind", "key", "version"}, ...]}; its attributes of ours are the W3C
`traceparent` and, where a provider named a time, `not_before` (Unix seconds). A step reads the
source again when it runs, so a late or repeated event is harmless and no health data lies in
topics, dead letters or logs.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from shared.errors import PermanentError

MAX_REFS = 100
MAX_BYTES = 64 * 1024
NOT_BEFORE = "not_before"
_KIND = re.compile(r"[a-z][a-z_]{1,31}")
_KEY = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff]{1,128}")  # a store could not hold the others
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Ref:
    """
    One entity at its source. `version` is the source's own, 0 where the source has none. `trace` is
    the traceparent of whoever changed it, where an outbox row tells; it does not travel.
    """

    kind: str
    key: str
    version: int = 0
    trace: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """
    A batch of references on one topic, and the trace they belong to, "" for one that starts with
    it. `attributes` are those the message was delivered with: Pub/Sub adds its own when it
    dead-letters.
    """

    topic: str
    refs: tuple[Ref, ...]
    traceparent: str
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def trace_id(self) -> str:
        """The 32 hex digits that one trace shares from trigger to last store."""
        return self.traceparent[3:35]


def new_traceparent() -> str:
    """Start a trace, in the W3C Trace Context form (https://www.w3.org/TR/trace-context/)."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def traceparent(given: str | None) -> str:
    """Return a traceparent that came from outside, "" for one that is malformed or missing."""
    return given if given and _TRACEPARENT.fullmatch(given) else ""


def events(topic: str, refs: Sequence[Ref], traceparent: str) -> list[Event]:
    """Spread any number of refs over events of at most MAX_REFS each."""
    return [
        Event(topic, tuple(refs[start : start + MAX_REFS]), traceparent)
        for start in range(0, len(refs), MAX_REFS)
    ]


def encode(event: Event) -> tuple[bytes, dict[str, str]]:
    """Return a message's data and attributes."""
    refs = [{"kind": r.kind, "key": r.key, "version": r.version} for r in event.refs]
    # Not escaped to ASCII: 100 keys of 128 characters of any script then fit into MAX_BYTES.
    data = json.dumps({"refs": refs}, separators=(",", ":"), ensure_ascii=False).encode()
    kept = {NOT_BEFORE: event.attributes[NOT_BEFORE]} if NOT_BEFORE in event.attributes else {}
    return data, {"traceparent": event.traceparent} | kept


def flaw(ref: Ref) -> str | None:
    """Return why a ref cannot travel in an event, or nothing."""
    try:
        _ref({"kind": ref.kind, "key": ref.key, "version": ref.version})
    except PermanentError as error:
        return error.code
    return None


def decode(topic: str, data: bytes, attributes: Mapping[str, str]) -> Event:
    """
    Read a message. Raise PermanentError (event_...) for one that breaks the form.

    A missing or malformed traceparent starts a new trace: it is no reason to refuse data.
    """
    if len(data) > MAX_BYTES:
        raise PermanentError("event_too_large")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise PermanentError("event_not_json") from None
    listed = cast("dict[str, Any]", body).get("refs") if isinstance(body, dict) else None
    if not isinstance(listed, list) or not listed:
        raise PermanentError("event_without_refs")
    refs = newest(_ref(item) for item in cast("list[Any]", listed))
    if len(refs) > MAX_REFS:
        raise PermanentError("event_too_many_refs")
    trace = traceparent(attributes.get("traceparent")) or new_traceparent()
    return Event(topic, refs, trace, attributes)


def newest(refs: Iterable[Ref]) -> tuple[Ref, ...]:
    """Keep each entity once, at its highest version, in order of first appearance."""
    kept: dict[tuple[str, str], Ref] = {}
    for ref in refs:
        known = kept.get((ref.kind, ref.key))
        if known is None or ref.version > known.version:
            kept[ref.kind, ref.key] = ref
    return tuple(kept.values())


def _ref(item: object) -> Ref:
    if not isinstance(item, dict):
        raise PermanentError("event_ref_not_object")
    fields = cast("dict[str, Any]", item)
    kind, key, version = fields.get("kind"), fields.get("key"), fields.get("version", 0)
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise PermanentError("event_ref_kind")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise PermanentError("event_ref_key")
    if type(version) is not int or not 0 <= version < 2**63:
        raise PermanentError("event_ref_version")
    return Ref(kind, key, version)
