"""What is measured, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.bench import (
    bulk,
    documents,
    embedding,
    end_to_end,
    functions,
    publishing,
    reconciling,
    round_trips,
    status,
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
        throughput.run,
        publishing.run,
        end_to_end.run,
        functions.run,  # before bulk: a comparison has little to compare yet
        bulk.run,
        embedding.run,
        reconciling.run,
        status.run,
    )
}
