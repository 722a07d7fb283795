"""
A load far beyond the provider's limit drains almost as fast as the provider lets it.

The provider is the stand-in with its real token bucket, asked by the real client; the step, the
runtime and the waits are real too. Only time is not: one clock moves from delivery to delivery, as
Pub/Sub spaces them by the catalog's backoff. So the bound holds or not, whatever the machine does.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass, field

import httpx
import pytest

from infra.local.embeddings.server import Embeddings
from infra.local.embeddings.token_bucket import TokenBucket
from shared import catalog
from shared.events import Ref, events, new_traceparent
from shared.search.embeddings import Embedder
from tests.contract.serving import served
from tests.memory.bus import Delivery
from tests.memory.clients import MemoryClients

TOKENS_PER_MINUTE = 20_000
DOCUMENTS, PER_MESSAGE = 600, 20
TEXT = " ".join(f"Dies ist Zeile {n} eines Befundes." for n in range(25))  # some 200 tokens


@dataclass
class Storm:
    """Messages that wait for their next delivery, and the clock of everything."""

    to: MemoryClients
    now: float = 0.0
    waiting: list[tuple[float, int, Delivery]] = field(
        default_factory=list[tuple[float, int, Delivery]]
    )
    deliveries: int = 0

    def take(self) -> None:
        """Have what was published wait for its first delivery."""
        for delivery in self.to.bus.pending:
            self._wait(self.now, delivery)
        self.to.bus.pending.clear()

    def drain(self) -> None:
        """Deliver in the order of time until nothing waits."""
        while self.waiting:
            due, _, delivery = heapq.heappop(self.waiting)
            self.now, attempt = max(self.now, due), delivery.attempt
            if not self.to.bus.deliver(self.to, delivery):
                self.to.bus.pending.remove(delivery)  # refused, and not out of deliveries
                limits = catalog.load().functions[delivery.function].limits
                backoff = limits["min_backoff_s"] * 2 ** (attempt - 1)
                self._wait(self.now + min(backoff, limits["max_backoff_s"]), delivery)
            self.take()

    def _wait(self, due: float, delivery: Delivery) -> None:
        self.deliveries += 1
        heapq.heappush(self.waiting, (due, self.deliveries, delivery))


@pytest.fixture(name="storm")
def _storm() -> Storm:
    to = MemoryClients()
    storm = Storm(to)
    to.memory_core.clock = lambda: storm.now
    return storm


@pytest.fixture(name="provider")
def _provider(storm: Storm, monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    bucket = TokenBucket(TOKENS_PER_MINUTE, clock=lambda: storm.now)
    with served(Embeddings("", TokenBucket(0), bucket).handler()) as host:
        monkeypatch.setenv("OPENAI_API_KEY", "a key of the tests")
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://{host}/v1")
        embedder = Embedder(clock=lambda: storm.now)
        vars(storm.to).update(embedder=embedder)
        yield f"http://{host}"
        embedder.close()


def test_a_storm_of_refusals_drains_within_one_and_a_half_of_what_the_limit_allows(
    storm: Storm, provider: str
) -> None:
    keys = [f"00000000-0000-4000-8000-{number:012}" for number in range(DOCUMENTS)]
    storm.to.memory_supabase.upload(
        *[{"id": k, "patient_id": "u1", "type": "LAB", "text": f"{k} {TEXT}"} for k in keys]
    )
    for start in range(0, DOCUMENTS, PER_MESSAGE):
        refs = [Ref("document", key) for key in keys[start : start + PER_MESSAGE]]
        storm.to.publish(events("document-stored", refs, new_traceparent()))
    storm.to.bus.pending = [d for d in storm.to.bus.pending if d.function == "index_document"]

    storm.take()
    storm.drain()

    stats = httpx.get(f"{provider}/__stats").json()
    assert {at[0] for at in storm.to.memory_supabase.chunk_rows} == set(keys)
    assert stats["rejected"] > 0
    assert stats["tokens"] > 4 * TOKENS_PER_MINUTE  # far more than one bucket holds
    allowed_s = (stats["tokens"] - TOKENS_PER_MINUTE) * 60 / TOKENS_PER_MINUTE
    assert storm.now <= 1.5 * allowed_s
    assert storm.to.bus.of("dead-letter") == []
