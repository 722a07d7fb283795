"""
The dead letters that Pub/Sub keeps for a person to look at, and what of them names the erased.

Pub/Sub finds no message by its content: all that are kept are taken out on loan, those that name
somebody erased are acknowledged, which deletes them, and the others are put back. A message names
up to 100 entities; it goes as a whole, since what became of each of them stands in the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from shared import settings
from shared.errors import PermanentError, TransientError
from shared.events import Ref, decode
from shared.observability import tracing

KEPT = "dead-letter-kept"
_AT_ONCE = 1000  # messages of a pull, and ids of an acknowledgement
_PULLS = 50
_TIMEOUT_S = 10.0
_SILENCE_S = 3.0

Owners = Callable[[Sequence[Ref]], Mapping[tuple[str, str], str]]  # kind and key -> erasure


class DeadLetters:
    """Reads and deletes kept dead letters. Raises TransientError when Pub/Sub cannot answer."""

    @cached_property
    def _client(self) -> Any:
        from google.pubsub_v1 import SubscriberClient

        return SubscriberClient()

    @cached_property
    def _path(self) -> str:
        return f"projects/{settings.required('GOOGLE_CLOUD_PROJECT')}/subscriptions/{KEPT}"

    def erase(self, owners: Owners) -> tuple[Counter[str], bool]:
        """
        Delete every dead letter that names an erased entity. Return how many, by erasure, and
        whether all were looked at: what another reader has on loan is not to be seen.
        """
        from google.api_core.exceptions import GoogleAPIError

        erased, lent = Counter[str](), list[str]()
        try:
            with tracing.call("pubsub", "Pull"):
                for _ in range(_PULLS):
                    messages = self._pull()
                    if not messages:
                        return erased, True
                    found, others = _sort(messages, owners)
                    lent += others
                    self._settle("acknowledge", [ack for ack, _ in found])
                    erased.update(erasure for _, whose in found for erasure in whose)
                return erased, False
        except GoogleAPIError:
            raise TransientError("dead_letters_unreachable") from None
        finally:
            self._give_back(lent)

    def _pull(self) -> list[Any]:
        """Return some messages; none after a while in which none came: Pub/Sub says no sooner."""
        from google.api_core.exceptions import DeadlineExceeded

        wanted = {"subscription": self._path, "max_messages": _AT_ONCE}
        try:
            answer = self._client.pull(request=wanted, retry=None, timeout=_SILENCE_S)
        except DeadlineExceeded:
            return []
        return list(answer.received_messages)

    def _settle(self, method: str, acks: Sequence[str], **more: object) -> None:
        for start in range(0, len(acks), _AT_ONCE):
            request = {"subscription": self._path, "ack_ids": acks[start : start + _AT_ONCE]} | more
            getattr(self._client, method)(request=request, retry=None, timeout=_TIMEOUT_S)

    def _give_back(self, acks: Sequence[str]) -> None:
        """What cannot be given back now comes back by itself when its deadline has passed."""
        from google.api_core.exceptions import GoogleAPIError

        try:
            self._settle("modify_ack_deadline", acks, ack_deadline_seconds=0)
        except GoogleAPIError:
            return


def _sort(messages: Sequence[Any], owners: Owners) -> tuple[list[tuple[str, set[str]]], list[str]]:
    """Return those that name somebody erased, with whose they are, and the others."""
    refs = {message.ack_id: refs_of(message.message.data) for message in messages}
    buried = owners([ref for named in refs.values() for ref in named])
    found, others = list[tuple[str, set[str]]](), list[str]()
    for ack, named in refs.items():
        whose = {buried[at] for ref in named if (at := (ref.kind, ref.key)) in buried}
        if whose:
            found.append((ack, whose))
        else:
            others.append(ack)
    return found, others


def refs_of(data: bytes) -> tuple[Ref, ...]:
    """Return whom a dead letter names; one that is no event of ours names nobody we know."""
    try:
        return decode("dead-letter", data, {}).refs
    except PermanentError:
        return ()
