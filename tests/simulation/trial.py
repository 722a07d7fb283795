"""Play one history and judge it."""

from __future__ import annotations

import io
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from tests.simulation.calling import WEBHOOK_SECRET, deployed
from tests.simulation.histories import history
from tests.simulation.laws import Violation, aftermath, leaks
from tests.simulation.moves import Move
from tests.simulation.world import World

_SETTINGS = {
    "FINGERPRINT_KEY": "key of the simulation",
    "ID_NAMESPACE": "3f6e2f0a-5f0e-4d0c-8f1d-6f7a9c1b2d3e",
    "WEBHOOK_SECRET": WEBHOOK_SECRET,
    "GOOGLE_CLOUD_PROJECT": "simulation",
    "CANARY_TRAVEL_S": "60",
    "ERASURE_QUIET_S": "60",
}


@dataclass(frozen=True)
class Trial:
    """How a history ended: the laws it broke, in order of discovery, and its narration."""

    violations: tuple[Violation, ...]
    told: tuple[str, ...]

    @property
    def laws(self) -> set[str]:
        """The laws it broke."""
        return {violation.law for violation in self.violations}


@contextmanager
def settings() -> Generator[None]:
    """Give the functions their environment for any number of trials."""
    with patch.dict(os.environ, _SETTINGS):
        yield


def try_seed(seed: int) -> Trial:
    """Play the history of a seed."""
    return try_moves(history(seed))


def try_moves(moves: Sequence[Move]) -> Trial:
    """Play moves in a new world, then the aftermath."""
    world, log = World(), io.StringIO()
    with deployed(world.to), redirect_stdout(log):
        for move in moves:
            world.play(move)
        violations = [*aftermath(world), *leaks(world, log.getvalue())]
    return Trial(tuple(dict.fromkeys(violations)), tuple(world.told))
