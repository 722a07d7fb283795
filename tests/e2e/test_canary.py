"""The canary on a running stack: Pub/Sub delivers what the steps of an erasure answer with gone."""

from __future__ import annotations

import httpx

from shared.repair.canary import ERASURE
from shared.repair.canary_ways import erased_by, erasing_steps
from tests.e2e.conftest import Running, eventually


def test_each_step_of_an_erasure_answers_for_nobody(running: Running) -> None:
    httpx.post(f"{running.stack.url('steps')}/run_canary", timeout=60).raise_for_status()
    steps = [step.name for step in erasing_steps() if erased_by(step).key == ERASURE]
    assert len(steps) == 4
    for step in steps:
        assert eventually(lambda step=step: running.ledger(ERASURE, step))["state"] == "gone"
    assert running.core("select 1 from sync.erasures where id = %s", ERASURE) == []
