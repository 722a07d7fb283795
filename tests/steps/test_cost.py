"""The cost model: what makes flows cheaper does, and nothing is left out of a flow."""

from __future__ import annotations

import pytest

from infra import cost
from infra.cost import Work, dollars, first_load, flows, table
from shared import catalog
from shared.repair import prices


def test_a_flow_passes_every_step_of_its_chain() -> None:
    known = {f.name: f.chain for f in catalog.load().steps()}
    assert {known[step] for flow in flows() for step in flow.steps} == {
        "users", "documents", "prescriptions"
    }  # fmt: skip
    assert set(cost.WORK) <= set(known)


@pytest.mark.parametrize("flow", flows(), ids=lambda flow: flow.name)
def test_batches_and_concurrency_make_it_cheaper_and_entities_dearer(flow: cost.Flow) -> None:
    by_size = [dollars(flow, 1_000_000, size, 4) for size in (1, 10, 100)]
    assert by_size == sorted(by_size, reverse=True)
    by_concurrency = [dollars(flow, 1_000_000, 1, c) for c in (1, 4, 16)]
    assert by_concurrency == sorted(by_concurrency, reverse=True)
    assert dollars(flow, 2_000_000, 10, 4) == pytest.approx(2 * dollars(flow, 1_000_000, 10, 4))


def test_deliveries_share_waiting_and_not_the_processor() -> None:
    work = Work(cpu=0.010, cpu_each=0.0, wait=0.090, wait_each=0.0)
    assert [work.billed(1, c) for c in (1, 4, 100)] == pytest.approx([0.1, 0.025, 0.01])


def test_tokens_and_firestore_are_paid_whatever_the_batch() -> None:
    (document,) = [flow for flow in flows() if flow.name == "documents"]
    floor = 1_000_000 * (
        document.tokens * prices.TOKEN + prices.FIRESTORE_READ + prices.FIRESTORE_WRITE
    )
    assert dollars(document, 1_000_000, 100, 16) > floor


def test_a_step_is_billed_for_the_processors_and_memory_that_the_catalog_gives_it() -> None:
    small, large = {"cpu": "1", "memory": "512Mi"}, {"cpu": "2", "memory": "2Gi"}
    assert cost.second(small) == pytest.approx(prices.COMPUTE_S)
    assert cost.second(large) == pytest.approx(2 * prices.CPU_S + 2 * prices.GIB_S)


@pytest.mark.parametrize("flow", flows(), ids=lambda flow: flow.name)
def test_own_concurrency_lies_between_one_at_a_time_and_the_most_of_its_steps(
    flow: cost.Flow,
) -> None:
    most = max(catalog.load().functions[step].limits["concurrency"] for step in flow.steps)
    least, own, all_alike = (dollars(flow, 1000, 1, c) for c in (most, cost.OWN, 1))
    assert least <= own <= all_alike


def test_the_tables_are_printed() -> None:
    assert len(table(1000, (1, 100), (4,)).splitlines()) == 4
    assert "first load of 1,000 patients" in first_load(1000)
