"""Rounds of blows, each followed by calm and a comparison of the stores."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import httpx

from infra.local.demo.compare import disagreements
from infra.local.demo.compare_notices import shown_disagreements, told_twice
from infra.local.demo.quiet import count_open, pending, wait_until_quiet
from infra.local.demo.stores import Stores, read
from infra.local.hammer.blows import Blows
from infra.local.hammer.life import Life, insist
from infra.local.hammer.standstill import standing_still
from infra.local.stack import Stack
from infra.local.toolchain import say
from shared.errors import TransientError
from shared.stores.core import CoreDatabase
from shared.stores.core_progress import CoreProgress

_CALM_S = 120.0
# The Pub/Sub emulator now and then forgets a message that was refused. What the ledger knows of is
# sent again by the schedule; what no step has seen yet, by the hourly reconciliation, here every
# minute, when it has not moved for two.
_REPAIRED_S = 300.0
_MISSING = ("not in core", "not in Supabase", "no mirror", "no patient row", "not shown", ": gone")

T = TypeVar("T")


@dataclass
class Result:
    """
    What the rounds came to. `lost` is what never arrived or never ended, `divergent` what arrived
    otherwise than it is, `parked` what stayed parked although it was retried; `found` says what.
    """

    rounds: int = 0
    kills: dict[str, int] = field(default_factory=dict[str, int])
    lost: int = 0
    divergent: int = 0
    parked: int = 0
    retried: int = 0
    found: list[str] = field(default_factory=list[str])

    @property
    def unharmed(self) -> bool:
        """Whether nothing is lost, divergent or parked."""
        return not (self.lost or self.divergent or self.parked)


class Hammer:
    """Strikes a running stack. What was wrong with it before the first blow is not counted."""

    def __init__(self, stack: Stack, *, seed: int, first_patient: int = 0) -> None:
        self.result = Result()
        self._stack, self._facts = stack, stack.describe()
        self._blows = Blows(stack, seed)
        self._life = Life(self._facts, seed, first_patient)
        self._dice = Random(seed)
        self._database = CoreDatabase(stack.core_dsn)
        self._progress = CoreProgress(self._database)
        self._before_parked = self._calm()["parked"]
        self._before = set(_wrong(read(self._facts)))
        self._life.begin()

    def close(self) -> None:
        """Leave the stack as it is, without faults."""
        self._blows.spare_webhooks()
        self._life.close()
        self._database.close()

    def strike(self) -> Result:
        """Play one round; return the result of all so far."""
        self._blows.spoil_webhooks()
        doings = self._life.doings()
        struck = set(self._dice.sample(range(len(doings)), self._dice.choice((1, 2, 3))))
        for number, do in enumerate(doings):
            if number in struck:
                self._blows.kill()
            do()
        time.sleep(self._dice.uniform(0, 1.5))  # what is on its way is struck too
        self._blows.kill()
        self._judge()
        self.result.rounds += 1
        return self.result

    def stand_still(self, store: str, seconds: float) -> Result:
        """
        Stop a store for so long while work arrives; return the result of all so far. Nobody retries
        anything afterwards.
        """
        for do in self._life.doings():
            do()
        self._calm()  # from here on all patients are known
        until = time.monotonic() + seconds
        with standing_still(self._stack.supervisor.named(store)):
            for do in self._life.doings(stopped=store):
                do()
            time.sleep(max(until - time.monotonic(), 0))
        self._judge(by_hand=False)
        self.result.rounds += 1
        return self.result

    def _judge(self, *, by_hand: bool = True) -> None:
        """Compare the stores when all is quiet; the last comparison counts."""
        deadline = time.monotonic() + _REPAIRED_S
        while True:
            counts = self._calm()
            if by_hand:
                counts = self._healed(counts)
            stores = self._seen(lambda: read(self._facts))
            found = [line for line in _wrong(stores) if line not in self._before]
            parked = max(counts["parked"] - self._before_parked, 0)
            # A message that waits for its next delivery is seen nowhere: give it the time.
            if not (found or parked or pending(counts)) or time.monotonic() > deadline:
                break
        missing = [line for line in found if any(sign in line for sign in _MISSING)]
        result = self.result
        result.kills = dict(self._blows.kills)
        result.lost = len(missing) + pending(counts)
        result.divergent = len(found) - len(missing)
        result.parked = parked
        result.found = found[:20] + ([f"unfinished: {counts}"] if pending(counts) else [])
        say(f"round {result.rounds + 1}: {sum(result.kills.values())} kills so far,"
            f" {len(found)} disagreements, {result.parked} parked")  # fmt: skip

    def _calm(self) -> dict[str, int]:
        """Wait until all is quiet, whoever is being started again."""
        return wait_until_quiet(
            lambda: self._seen(lambda: count_open(self._progress, self._facts)), _CALM_S
        )

    def _healed(self, counts: dict[str, int]) -> dict[str, int]:
        """Retry what outages have parked, as a person would."""
        for _ in range(3):
            if counts["parked"] <= self._before_parked:
                break
            url = f"{self._stack.url('steps')}/retry_failed"
            answer = insist(lambda url=url: httpx.post(url, json={}, timeout=60).raise_for_status())
            self.result.retried += answer.json()["retried"]
            counts = self._calm()
        return counts

    def _seen(self, look: Callable[[], T]) -> T:
        """Look as soon as the databases and stand-ins answer."""
        deadline = time.monotonic() + _CALM_S
        while True:
            try:
                return insist(look)
            except TransientError:  # core, seen through the sync's own client
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


def _wrong(stores: Stores) -> list[str]:
    return [*disagreements(stores), *shown_disagreements(stores), *told_twice(stores)]


def as_json(result: Result) -> dict[str, Any]:
    """Return the result as build/hammer.json holds it."""
    return {
        "rounds": result.rounds,
        "kills": sum(result.kills.values()),
        "lost": result.lost,
        "divergent": result.divergent,
        "parked": result.parked,
        "retried": result.retried,
        "kills_of": result.kills,
    }
