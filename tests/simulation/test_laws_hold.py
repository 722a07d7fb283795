"""The laws hold in every history; a few hundred here, ten thousand by `make chaos`."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.simulation.trial import Trial, settings, try_seed

HISTORIES = 200
REPOSITORY = Path(__file__).resolve().parents[2]
_TOLD = """
import hashlib
from tests.simulation.trial import settings, try_seed
with settings():
    told = [line for seed in range(40, 45) for line in try_seed(seed).told]
print(hashlib.sha256("\\n".join(told).encode()).hexdigest())
"""


@pytest.fixture(autouse=True)
def _settings_of_the_simulation() -> Generator[None]:
    with settings():
        yield


@pytest.fixture(scope="module", name="trials")
def _trials() -> dict[int, Trial]:
    with settings():
        return {seed: try_seed(seed) for seed in range(1, HISTORIES + 1)}


def test_every_history_ends_in_agreement(trials: dict[int, Trial]) -> None:
    assert {seed: trial.violations for seed, trial in trials.items() if trial.violations} == {}


def test_histories_reach_what_they_are_meant_to_reach(trials: dict[int, Trial]) -> None:
    told = "\n".join(line for trial in trials.values() for line in trial.told)
    reached = {
        "a crash between two effects": "crashed",
        "an answer that is lost after the effect": "answer lost at",
        "a rate limit": "rate limited at embedder.embed",
        "a refused key": "unauthorised at",
        "an exception nobody knows": "unknown_runtimeerror",
        "a message delivered twice": "is delivered twice",
        "a lost trigger": "the event for announce_user is lost",
        "a lost webhook": "a webhook is lost",
        "a dead letter": "park_dead_letter [",
        "a revocation": "revoke (",
        "a deletion": "delete_document (",
    }
    assert [what for what, sign in reached.items() if sign not in told] == []


def test_a_seed_gives_the_same_history_in_every_process() -> None:
    def told(hash_seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", _TOLD]
        return subprocess.run(
            command, cwd=REPOSITORY, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    here = "\n".join(line for seed in range(40, 45) for line in try_seed(seed).told)
    assert told("1") == told("2") == hashlib.sha256(here.encode()).hexdigest()
