"""Kept dead letters, in memory and on the Pub/Sub emulator: who is erased leaves them."""

from __future__ import annotations

import json
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import pytest

from infra.local import pubsub
from infra.local.processes import free_port
from shared import catalog
from shared.errors import TransientError
from shared.events import Event, Ref, encode, new_traceparent
from shared.stores.dead_letters import DeadLetters
from tests.memory.bus import DEAD_LETTER, MemoryBus
from tests.memory.dead_letters import MemoryDeadLetters

PROJECT = "demo-test"
UID = "uid-of-the-leaver"


def buried(refs: Sequence[Ref]) -> dict[tuple[str, str], str]:
    return {(ref.kind, ref.key): "the-erasure" for ref in refs if ref.key == UID}


def naming(*keys: str) -> bytes:
    refs = tuple(Ref("user", key) for key in keys)
    return encode(Event(DEAD_LETTER, refs, new_traceparent()))[0]


class Memory:
    """The bus in memory."""

    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.store: Any = MemoryDeadLetters(self.bus)

    def put(self, *letters: bytes) -> None:
        self.bus.kept += letters

    def left(self) -> list[bytes]:
        return self.bus.kept


class Emulator:
    """The Pub/Sub emulator with the catalog's topics."""

    def __init__(self, host: str) -> None:
        self.store: Any = DeadLetters()
        self._root = f"http://{host}/v1/projects/{PROJECT}"

    def put(self, *letters: bytes) -> None:
        for start in range(0, len(letters), 500):
            given = [{"data": b64encode(data).decode()} for data in letters[start : start + 500]]
            self._post(f"topics/{DEAD_LETTER}:publish", {"messages": given})

    def left(self) -> list[bytes]:
        """Take what is kept, and do not give it back."""
        found: list[bytes] = []
        at = f"subscriptions/{pubsub.KEPT}"
        while got := self._post(f"{at}:pull", {"maxMessages": 1000, "returnImmediately": True}):
            messages = got["receivedMessages"]
            found += [b64decode(message["message"]["data"]) for message in messages]
            self._post(f"{at}:acknowledge", {"ackIds": [message["ackId"] for message in messages]})
        return found

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - our own loopback URL
            f"{self._root}/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return json.load(answer)


@pytest.fixture(name="kept", params=["memory", "emulator"])
def _kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Memory | Emulator:
    if request.param == "memory":
        return Memory()
    host = request.getfixturevalue("pubsub_host")
    pubsub.create_topics(catalog.load(), PROJECT, host, lambda _: "http://127.0.0.1:9/none")
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", host)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
    emulator = Emulator(host)
    emulator.left()
    return emulator


def test_every_letter_that_names_the_erased_goes_and_every_other_stays(
    kept: Memory | Emulator,
) -> None:
    others = [naming(f"u{number}") for number in range(1300)]  # more than one pull gives
    mine = [naming(UID), naming("u1", UID, "u2"), naming(UID)]
    kept.put(*others[:700], *mine, b"no event of ours", *others[700:])
    erased, all_seen = kept.store.erase(buried)
    assert (dict(erased), all_seen) == ({"the-erasure": 3}, True)
    left = kept.left()
    assert sorted(left) == sorted([*others, b"no event of ours"])
    assert not any(UID.encode() in letter for letter in left)


def test_a_second_look_finds_the_others_again_and_nothing_to_erase(kept: Memory | Emulator) -> None:
    kept.put(naming("u1"), naming(UID))
    assert kept.store.erase(buried) == ({"the-erasure": 1}, True)
    assert kept.store.erase(buried) == ({}, True)
    assert kept.left() == [naming("u1")]
    assert kept.store.erase(buried) == ({}, True)


def test_a_pubsub_that_does_not_answer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
    with pytest.raises(TransientError, match="dead_letters_unreachable"):
        DeadLetters().erase(buried)
