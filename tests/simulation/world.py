"""
The world of one history: three places, the bus, what is on its way, a clock; and how moves play.

Functions are called through their own entry points, as a host calls them. A fault strikes at an
effect, inside the call it was meant for.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared import catalog, ids, settings
from tests.memory.bus import Delivery
from tests.memory.clients import MemoryClients
from tests.simulation.calling import (
    Attempt,
    decision,
    described,
    entry,
    first_ref,
    push_request,
    relays,
    signed_request,
)  # fmt: skip
from tests.simulation.chains import CHAINS
from tests.simulation.faults import KINDS, Crash, place_of, strike
from tests.simulation.moves import (
    Act,
    Call,
    Change,
    Drain,
    Duplicate,
    Fault,
    Lose,
    Move,
    Race,
    Storm,
    Wait,
    Worker,
)  # fmt: skip
from tests.simulation.race import Pause, race
from tests.simulation.triggers import Trigger, of_account, of_document

if TYPE_CHECKING:
    from shared.stores.firestore import Snapshot

MAX_ATTEMPTS = 5  # deliveries before a dead letter: few, so that histories reach it
_TICK_S = 0.001
_LEASE_S = 70  # longer than a relay holds its rows
_ROUNDS, _DELIVERIES = 20, 2000  # far more than any history leaves to do


@dataclass
class World:
    """
    Everything a history acts on. `told` narrates what happened, line by line; `repaired` says that
    all sources have been announced again.
    """

    now: float = 1_000_000.0
    to: MemoryClients = field(default_factory=lambda: MemoryClients(max_attempts=MAX_ATTEMPTS))
    triggers: list[Trigger] = field(default_factory=list[Trigger])
    webhooks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    answers: list[str] = field(default_factory=list[str])
    told: list[str] = field(default_factory=list[str])
    # Entities whose source changed and nobody was told: only reconciliation can find them.
    unannounced: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    # Topic, entity, and when the call began that published it.
    announced: list[tuple[str, tuple[str, str], float]] = field(
        default_factory=list[tuple[str, tuple[str, str], float]]
    )
    # Notes laid into inboxes: path, what it is about, and when the call began that laid it.
    noted: list[tuple[str, tuple[str, str], float]] = field(
        default_factory=list[tuple[str, tuple[str, str], float]]
    )
    linked: set[str] = field(default_factory=set[str])  # the notes that were laid with a link
    # What a chain's file remembers about the history, by chain.
    notes: dict[str, Any] = field(default_factory=dict[str, Any])
    repaired: bool = False
    _last: tuple[str, str] = ("", "")  # the entity that the last message was about
    _seen: int = 0  # of what was published
    _storms: dict[str, Storm] = field(default_factory=dict[str, Storm])
    _attempts: dict[int, Attempt] = field(default_factory=dict[int, Attempt])

    def __post_init__(self) -> None:
        for place in self.to.places:
            place.hook = self._hook
            place.clock = lambda: self.now
        self.to.firebase.watch = self._written

    def play(self, move: Move) -> None:
        """Let one move happen. A move that finds nothing to act on does nothing."""
        match move:
            case Act() | Change() | Call():
                self._work(move)
            case Race():
                race([functools.partial(self._work, w) for w in move.workers], move.turns)
            case Duplicate():
                self._duplicate(move.pick)
            case Lose():
                self._lose(move)
            case Storm():
                self.told.append(f"{move.place}: the next {move.effects} calls are {move.kind}")
                self._storms[move.place] = move
            case Drain():
                self.told.append("-- a quiet hour")
                self.drain()
            case Wait():
                self.now += move.seconds

    def drain(self) -> bool:
        """
        End all storms, run relays and deliver until nothing is left to do; tell whether that came
        about.
        """
        self._storms.clear()
        for _ in range(_ROUNDS):
            self.now += _LEASE_S
            while self.triggers:
                self.play(Call("trigger"))
            while self.webhooks:
                self.play(Call("webhook"))
            for number in range(len(relays())):
                self.play(Call("relay", number))
            if not self.to.bus.pending:
                return not self._unsent()
            for _ in range(_DELIVERIES):
                if not self.to.bus.pending:
                    break
                self.play(Call("message"))
        return False

    def _unsent(self) -> bool:
        places = (self.to.memory_core, self.to.memory_supabase)
        return any(place.outbox.unsent() for place in places)

    def trigger(self, event: str, uid: str) -> None:
        """Let Firebase Auth announce "created" or "deleted", where the catalog listens for it."""
        if trigger := of_account(event, uid):
            self.triggers.append(trigger)

    def hint(self, operation: str, ids: list[str]) -> None:
        """Let Supabase's database send its webhook."""
        body = {"type": operation, "schema": "public", "table": "documents", "ids": ids}
        self.webhooks.append(body)

    @contextmanager
    def calling(self, name: str, faults: tuple[Fault, ...], pause: Pause | None) -> Generator[None]:
        """Around a call in this thread: its faults strike, and a crash ends it."""
        self.told.append(name)
        attempt = Attempt(name, faults, pause, len(self.told) - 1, self.now)
        self._attempts[threading.get_ident()] = attempt
        try:
            yield
        except Crash:
            self._tell("crashed")
        finally:
            del self._attempts[threading.get_ident()]

    def _tell(self, what: str) -> None:
        """Add to the narration of the call in this thread."""
        attempt = self._attempts.get(threading.get_ident())
        if attempt is not None:
            self.told[attempt.line] += f"  -> {what}"

    def _work(self, worker: Worker, pause: Pause | None = None) -> None:
        match worker:
            case Act():
                self._act(worker)
            case Change():
                self._change(worker.value)
            case Call():
                self._call(worker, pause)

    def _act(self, act: Act) -> None:
        chain = CHAINS.get(act.chain)
        if chain and act.operation in chain.operations:
            self.told.append(f"{act.operation} ({act.entity}, {act.value})")
            chain.operations[act.operation].run(self, act.entity, act.value)

    def _change(self, value: int) -> None:
        kind, key = self._last
        chain = next((chain for chain in CHAINS.values() if chain.kind == kind), None)
        number = chain.number_of(key) if chain else None
        if chain and number is not None:
            names = [name for name, op in chain.operations.items() for _ in range(op.weight)]
            self._act(Act(chain.name, names[value % len(names)], number, value))

    def _call(self, call: Call, pause: Pause | None = None) -> None:
        match call.what:
            case "message":
                if delivery := _taken(self.to.bus.pending, call.pick):
                    self._last = first_ref(delivery) or self._last
                    with self.calling(described(delivery), call.faults, pause):
                        self.push(delivery)
            case "trigger":
                if trigger := _taken(self.triggers, call.pick):
                    self.unannounced.add(trigger.entity)  # until it has ended well
                    with self.calling(trigger.function, call.faults, pause):
                        self._fire(trigger)
            case "webhook":
                if body := _taken(self.webhooks, call.pick):
                    with self.calling("receive_document", call.faults, pause):
                        self.post("receive_document", signed_request(json.dumps(body).encode()))
            case "decision":
                if body := decision(self.to.memory_core.all_conflicts, call.pick):
                    with self.calling("decide_conflict", call.faults, pause):
                        self.post("decide_conflict", signed_request(json.dumps(body).encode()))
            case "run_canary" | "retry_failed":
                with self.calling(call.what, call.faults, pause):
                    self.post(call.what, signed_request(b""))
            case _:
                relay = relays()[call.pick % len(relays())]
                with self.calling(relay, call.faults, pause):
                    self.post(relay, signed_request(b""))

    def push(self, delivery: Delivery) -> None:
        """Push a message as Pub/Sub does; what is not acknowledged comes again."""
        function = catalog.load().functions[delivery.function]
        try:
            status = self.post(function.name, push_request(delivery.body()))
        except Crash:
            self.to.bus._again(function, delivery)
            raise
        if status != 204:
            self.to.bus._again(function, delivery)

    def post(self, function: str, request: Any) -> int:
        """Give a request to a function's entry point; return the status of the answer."""
        answer, status, headers = entry(function)(request)
        # Pub/Sub's backoff, or whoever else calls again, outlasts a wait that was asked for.
        self.now += float(headers.get("Retry-After", 0))
        self.answers.append(answer)
        if status >= 300:
            self._tell(answer)
        return status

    def _fire(self, trigger: Trigger) -> None:
        try:
            trigger.fire()
        except Exception as error:  # noqa: BLE001 - Firebase drops a failed event
            self._tell(type(error).__name__)
        else:
            self.unannounced.discard(trigger.entity)

    def _duplicate(self, pick: int) -> None:
        pending = self.to.bus.pending
        if pending:
            at = pick % len(pending)
            known = pending[at]
            copy = Delivery(known.function, known.message_id, known.data, dict(known.attributes))
            pending.insert(at, copy)
            self.told.append(f"a message for {known.function} is delivered twice")

    def _lose(self, lose: Lose) -> None:
        if lose.what == "trigger":
            if lost := _taken(self.triggers, lose.pick):
                self.told.append(f"the event for {lost.function} is lost")
                self.unannounced.add(lost.entity)
        elif _taken(self.webhooks, lose.pick):
            self.told.append("a webhook is lost")

    def _hook(self, moment: str, effect: str) -> None:
        """Before and after every effect: time passes, others may go on, faults strike."""
        self.now += _TICK_S
        attempt = self._attempts.get(threading.get_ident())
        if attempt is None:
            return
        if moment == "before":
            if attempt.pause is not None:
                attempt.pause()
            attempt.effects += 1
            self._blow(effect)
        elif effect.startswith("bus.publish"):
            self._note_published(attempt)
        for fault in attempt.faults:
            if fault.at == attempt.effects and KINDS[fault.kind] == moment:
                self._tell(f"{fault.kind} at {effect}")
                raise strike(fault.kind, effect)

    def _written(self, path: str, before: Snapshot | None, after: Snapshot | None) -> None:
        """Firestore tells of a document: the functions that listen, and of a note its patient."""
        if trigger := of_document(path, before, after):
            self.triggers.append(trigger)
        attempt = self._attempts.get(threading.get_ident())
        if "/inbox/" in path and after and after.data and attempt:
            if before is None or not before.data:
                self.noted.append((path, self._told_of(path), attempt.began))
            if "reference" in after.data:
                self.linked.add(path)

    def _told_of(self, path: str) -> tuple[str, str]:
        """Return what a note was claimed for; it need not say so itself."""
        for (kind, key, version), row in self.to.memory_core.claims.items():
            note = ids.notification_id(settings.id_namespace(), kind, key, version)
            if path == f"users/{row['uid']}/inbox/{note}":
                return kind, key
        return "note", path

    def _note_published(self, attempt: Attempt) -> None:
        published = self.to.bus.published
        # A replay announces nothing: it has a step look again at what was announced before.
        news = [] if attempt.name == "retry_failed" else published[self._seen :]
        for event in news:
            self.announced += [(event.topic, (r.kind, r.key), attempt.began) for r in event.refs]
        self._seen = len(published)

    def _blow(self, effect: str) -> None:
        place = place_of(effect)
        storm = self._storms.get(place)
        if storm is not None:
            self._storms[place] = Storm(place, storm.kind, storm.effects - 1)
            if storm.effects <= 1:
                del self._storms[place]
            self._tell(f"{storm.kind} at {effect}")
            raise strike(storm.kind, effect)


def _taken(pending: list[Any], pick: int) -> Any:
    return pending.pop(pick % len(pending)) if pending else None
