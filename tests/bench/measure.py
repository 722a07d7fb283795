"""Taking turns: contestants are measured one after the other, round by round."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some measurements, with the least and the greatest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} [{self.low:.3g}..{self.high:.3g}]"

    def times(self, factor: float) -> Spread:
        """Return it in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and greatest."""
    return Spread(median(values), min(values), max(values))


def seconds(work: Work) -> float:
    """Return how long a piece of work takes, garbage of earlier ones not counted."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turns(
    rounds: int,
    contestants: Mapping[str, Work],
    *,
    warm: int = 1,
    before: Work = lambda: None,
) -> dict[str, Spread]:
    """
    Let every contestant work once per round, in changing order; return seconds by name. The first
    `warm` rounds do not count. `before` prepares a round, unmeasured. What the benchmark holds by
    then is not looked through for garbage: a function that is served holds nothing like it.
    """
    gc.collect()
    gc.freeze()
    try:
        return _in_turns(warm, rounds, contestants, before)
    finally:
        gc.unfreeze()


def _in_turns(
    warm: int, rounds: int, contestants: Mapping[str, Work], before: Work
) -> dict[str, Spread]:
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(warm + rounds):
        before()
        names = list(contestants) if number % 2 else list(contestants)[::-1]
        for name in names:
            took = seconds(contestants[name])
            if number >= warm:
                taken[name].append(took)
    return {name: spread(values) for name, values in taken.items()}
