"""What is measured, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.bench import (
    documents,
    embedding,
    functions,
    publishing,
    reconciling,
    round_trips,
    throughput,
)
from tests.bench.report import Figure
from tests.bench.world import World

Item = Callable[[World], list[Figure]]

ITEMS: Mapping[str, Item] = {
    item.__module__.rpartition(".")[2]: item
    for item in (
        documents.run,
        round_trips.run,
        publishing.run,
        embedding.run,
        throughput.run,
        reconciling.run,
        functions.run,
    )
}
