"""
Who looks for planted texts wherever the sync tells something: log lines, messages and dead letters
(by subscriptions of its own on every topic), the rows of both `sync` schemas and of pg_net, spans
and metrics as exported, what devices are shown, and HTTP answers.

It knows the disguises that a text takes on its way: JSON's and URLs' escapes, base64 at any offset,
hexadecimal, and plain digests of a contact, which anybody can compute who has a list of contacts.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
from psycopg import sql

from shared import catalog
from tests.e2e.collector import Collector

# What medications were read from, and what of a profile was, are content by intent: SECURITY.md.
CONTENT_TABLES = {"sync.medication_readings"}
# The emulators of S3 write a line for every request, as an access log of S3 would, and the product
# names files by the patient's uid.
VENDORS_LOGS = {"aws_s3.log", "storage_s3.log"}
_SMS = re.compile(r"^i +To verify the phone number .*$", re.M)  # how the emulator sends its codes
_TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname in ('sync', 'net') order by 1, 2
"""


@dataclass(frozen=True)
class Planted:
    """Contents may be told nowhere, uids only as an entity's key."""

    contents: tuple[str, ...]
    uids: tuple[str, ...] = ()


Finding = tuple[str, str]  # where, and which planted text


@cache
def disguises(text: str) -> set[str]:
    """Return the forms in which a text may be found, in lower case."""
    raw = text.encode()
    forms = {text, json.dumps(text)[1:-1], quote(text), raw.hex()}
    for digest in (hashlib.sha256, hashlib.sha1, hashlib.md5):
        forms.add(digest(raw).hexdigest())
    for offset in range(3):  # the bytes before it move the sixes of base64
        encoded = base64.b64encode(b"\0" * offset + raw)
        forms.add(encoded[offset + bool(offset) : -4].decode())
        forms.add(
            base64.urlsafe_b64encode(b"\0" * offset + raw)[offset + bool(offset) : -4].decode()
        )
    return {form.lower() for form in forms if len(form) >= 8}


def found(place: str, told: str, texts: Iterable[str]) -> Iterator[Finding]:
    """Return which texts are told at a place, in whatever disguise."""
    lower = told.lower()
    yield from ((place, t) for t in texts if any(form in lower for form in disguises(t)))


@dataclass
class Witness:
    """Watches one running stack; made before anything is planted."""

    facts: dict[str, Any]
    collector: Collector
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list[Any])  # topic, message
    answers: list[tuple[str, str, bool]] = field(default_factory=list[Any])  # place, text, own
    _read: dict[str, int] = field(default_factory=dict[str, int])  # of what only grows

    def __post_init__(self) -> None:
        project = f"projects/{self.facts['project_id']}"
        self._bus = f"http://{self.facts['pubsub_emulator']}/v1/{project}"
        for topic in catalog.load().topics:
            httpx.put(
                f"{self._bus}/subscriptions/witness-{topic}",
                json={"topic": f"{project}/topics/{topic}", "ackDeadlineSeconds": 600},
            ).raise_for_status()

    def hears(self) -> None:
        """Take what was published since the last time, of all topics."""
        for topic in catalog.load().topics:
            url = f"{self._bus}/subscriptions/witness-{topic}"
            while True:
                body = {"maxMessages": 1000, "returnImmediately": True}
                answer = httpx.post(f"{url}:pull", json=body, timeout=30).raise_for_status().json()
                pulled = answer.get("receivedMessages", [])
                if not pulled:
                    break
                self.messages += [(topic, item["message"]) for item in pulled]
                ids = [item["ackId"] for item in pulled]
                httpx.post(f"{url}:acknowledge", json={"ackIds": ids}).raise_for_status()

    def answered(self, place: str, answer: httpx.Response, *, own: bool = False) -> httpx.Response:
        """Note an HTTP answer; `own`: to whom may know the uid, as the patient or an operator."""
        self.answers.append((place, f"{answer.text} {dict(answer.headers)}", own))
        return answer

    def findings(self, planted: Planted) -> list[Finding]:
        """Return every planted text that was told where it does not belong since the last look."""
        everything, contents = (*planted.contents, *planted.uids), planted.contents
        self.hears()
        answers = self._new("answers", self.answers)
        return [
            *_searched(self._logs(), everything),
            *_searched(self._messages(), everything),
            *_searched(self._rows(), contents),
            *_searched(self._exported(), everything),
            *_searched(self._shown(), everything),
            *_searched(((f"answer of {p}", t) for p, t, own in answers if not own), everything),
            *_searched(((f"answer of {p}", t) for p, t, own in answers if own), contents),
        ]

    def _new(self, name: str, told: Any) -> Any:
        """Return the part of a list or text that was not looked at before."""
        start, self._read[name] = self._read.get(name, 0), len(told)
        return told[start:]

    def _logs(self) -> Iterator[tuple[str, str]]:
        for path in sorted(Path(self.facts["logs"]).glob("*.log")):
            if path.name in VENDORS_LOGS:
                continue
            written = path.read_text(errors="replace").rpartition("\n")[0]  # whole lines
            yield path.name, _SMS.sub("", self._new(path.name, written))

    def _messages(self) -> Iterator[tuple[str, str]]:
        for topic, message in self._new("messages", self.messages):
            data = base64.b64decode(message.get("data", "")).decode(errors="replace")
            try:
                event = json.loads(data)
                for ref in event["refs"]:
                    ref.pop("key")  # where an entity's name belongs
                data = json.dumps(event, ensure_ascii=False)
            except (ValueError, KeyError, TypeError, AttributeError):
                pass  # no event of ours: searched as it stands
            rest = {name: value for name, value in message.items() if name != "data"}
            yield f"message of {topic}", f"{data} {json.dumps(rest, ensure_ascii=False)}"
            keys = [ref["key"] for ref in _refs(message) if ref.get("kind") != "user"]
            yield f"key in {topic}", " ".join(map(str, keys))

    def _rows(self) -> Iterator[tuple[str, str]]:
        for store in ("core", "supabase"):
            with psycopg.connect(self.facts[f"{store}_dsn"], autocommit=True) as connection:
                for schema, name in connection.execute(_TABLES).fetchall():
                    if f"{schema}.{name}" in CONTENT_TABLES:
                        continue
                    query = sql.SQL("select to_jsonb(t)::text from {} t")
                    rows = connection.execute(query.format(sql.Identifier(schema, name))).fetchall()
                    yield f"{store} {schema}.{name}", "\n".join(row[0] for row in rows)

    def _exported(self) -> Iterator[tuple[str, str]]:
        exports = b"\n".join(self._new("exports", self.collector.bodies))
        yield "spans and metrics", exports.decode(errors="replace")

    def _shown(self) -> Iterator[tuple[str, str]]:
        shown = httpx.get(f"{self.facts['fcm_url']}/__shown").raise_for_status().json()
        yield "devices", json.dumps(list(shown.values()), ensure_ascii=False)


def _refs(message: dict[str, Any]) -> Sequence[dict[str, Any]]:
    try:
        refs = json.loads(base64.b64decode(message.get("data", "")))["refs"]
        return [ref for ref in refs if isinstance(ref, dict)]
    except (ValueError, KeyError, TypeError):
        return []


def _searched(places: Iterable[tuple[str, str]], texts: Sequence[str]) -> list[Finding]:
    return sorted({finding for place, told in places for finding in found(place, told, texts)})
