"""
A store that stands still for some seconds loses nothing and needs no hand.

For a minute, the file stores too, and with the deployment's retry settings: `make hammer PAUSE=60`.
"""

from __future__ import annotations

import pytest

from infra.local.hammer.rounds import Hammer
from infra.local.hammer.standstill import STORES
from tests.e2e.conftest import Running

FIRST_PATIENT = 71_000  # whose made-up phones no other test uses
STILL_S = 3.0


@pytest.mark.parametrize("store", STORES[:3])
def test_all_arrives_by_itself_after_a_store_stood_still(running: Running, store: str) -> None:
    first = FIRST_PATIENT + 100 * STORES.index(store)
    hammer = Hammer(running.stack, seed=first, first_patient=first)
    try:
        assert hammer.stand_still(store, STILL_S).unharmed, hammer.result.found
    finally:
        hammer.close()
