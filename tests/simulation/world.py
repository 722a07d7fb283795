"""
The world of one history: what is on its way between the places, and how moves play.

Functions are called through their own entry points, as a host calls them.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from typing import Any

from shared import catalog
from tests.memory.bus import Delivery
from tests.simulation.calling import (
    decision,
    described,
    entry,
    first_ref,
    push_request,
    refs_of,
    relays,
    signed_request,
    untold,
)  # fmt: skip
from tests.simulation.chains import CHAINS
from tests.simulation.faults import Crash
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
from tests.simulation.stage import Stage
from tests.simulation.triggers import Trigger, of_account

_LEASE_S = 70  # longer than a relay holds its rows
_ROUNDS, _DELIVERIES = 20, 2000  # far more than any history leaves to do


@dataclass
class World(Stage):
    """Everything a history acts on. `repaired` says that the reconciler has run since the storm."""

    webhooks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    undecided: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    answers: list[str] = field(default_factory=list[str])
    # Entities whose source changed and nobody was told: only reconciliation can find them.
    unannounced: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    # What the bus has lost: kind, key, and the step that it was for.
    lost: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])
    # What a chain's file remembers about the history, by chain.
    notes: dict[str, Any] = field(default_factory=dict[str, Any])
    repaired: bool = False
    _last: tuple[str, str] = ("", "")  # the entity that the last message was about

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
                self.storms[move.place] = move
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
        self.storms.clear()
        for _ in range(_ROUNDS):
            self.now += _LEASE_S
            for body in self.undecided.copy():
                self.undecided.remove(body)
                self._decide(body)
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
                    self._decide(body, call.faults, pause)
            case "run_canary" | "retry_failed" | "reconcile":
                with self.calling(call.what, call.faults, pause):
                    self.post(call.what, signed_request(b""))
            case _:
                relay = relays()[call.pick % len(relays())]
                with self.calling(relay, call.faults, pause):
                    self.post(relay, signed_request(b""))

    def _decide(
        self, body: dict[str, Any], faults: tuple[Fault, ...] = (), pause: Pause | None = None
    ) -> None:
        """Post an operator's decision; one that is not answered is posted again in a quiet hour."""
        self.undecided.append(body)
        with self.calling("decide_conflict", faults, pause):
            request = signed_request(json.dumps(body).encode())
            if self.post("decide_conflict", request) < 500:
                self.undecided.remove(body)

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
            self.tell(answer)
        return status

    def _fire(self, trigger: Trigger) -> None:
        try:
            trigger.fire()
        except Exception as error:  # noqa: BLE001 - Firebase drops a failed event
            self.tell(type(error).__name__)
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
        elif lose.what == "message":
            self._lose_message(lose.pick)
        elif _taken(self.webhooks, lose.pick):
            self.told.append("a webhook is lost")

    def _is_told_again(self, delivery: Delivery) -> bool:
        """
        Tell whether anything is left that tells of a message: not of one that nobody can read, nor
        of a dead letter.
        """
        return delivery.function != "park_dead_letter" and first_ref(delivery) is not None

    def _lose_message(self, pick: int) -> None:
        """Of a message that core has not announced, only the reconciler knows that it is lost."""
        pending = [d for d in self.to.bus.pending if self._is_told_again(d)]
        if pending:
            lost = pending[pick % len(pending)]
            self.to.bus.pending.remove(lost)
            self.told.append(f"the message {described(lost)} is lost")
            self.unannounced |= untold(lost)
            self.lost |= {(kind, key, lost.function) for kind, key in refs_of(lost)}


def _taken(pending: list[Any], pick: int) -> Any:
    return pending.pop(pick % len(pending)) if pending else None
