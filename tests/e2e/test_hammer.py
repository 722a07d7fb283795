"""Three rounds of `make hammer` on the session's stack."""

from __future__ import annotations

from infra.local.hammer.rounds import Hammer
from tests.e2e.conftest import Running

FIRST_PATIENT = 70_000  # whose made-up phones no other test uses


def test_nothing_is_lost_while_processes_are_killed_and_webhooks_are_lost(
    running: Running,
) -> None:
    hammer = Hammer(running.stack, seed=20261122, first_patient=FIRST_PATIENT)
    try:
        for _ in range(3):
            assert hammer.strike().unharmed, hammer.result.found
    finally:
        hammer.close()
    assert hammer.result.rounds == 3
    assert sum(hammer.result.kills.values()) >= 6
