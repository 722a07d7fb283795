"""
What the flows cost, by list prices: `python -m infra.cost`, explained in docs/cost.md.

From the catalog (which steps a flow passes; their processors, memory, concurrency), durations that
`make bench` measured, and the prices of shared/repair/prices.py. Databases are paid by the hour and
are not in it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared import catalog
from shared.repair import prices

LOG_LINE = 400 * prices.LOG_BYTE  # a line of ours has some 400 bytes with its envelope
OWN = 0  # as many deliveries at once as the catalog gives each function
SIZES, CONCURRENCIES = (1, 10, 100), (OWN, 1, 4, 16)


@dataclass(frozen=True, slots=True)
class Work:
    """
    A step's time in seconds: of the processor and of waiting, for a delivery and for each entity in
    it. Waiting counts 5 ms for each round trip, as between two zones.
    """

    cpu: float
    cpu_each: float
    wait: float
    wait_each: float

    def billed(self, size: int, concurrency: int) -> float:
        """Return the instance's seconds for a delivery: others share its waiting, not its CPU."""
        cpu = self.cpu + self.cpu_each * size
        return max(cpu, (cpu + self.wait + self.wait_each * size) / concurrency)


# Sets travel in one round trip; GoTrue and Auth's claims take one call for each account, and a PDF
# is copied by itself. Measured on the local stack, see docs/performance.md: of the setwise ones
# store_document takes most, 57 ms of processor for 100 documents, for one 1.9 with the framework's.
SETWISE = Work(0.002, 0.0006, 0.015, 0.0009)
WORK = {
    "mirror_user": Work(0.002, 0.002, 0.015, 0.012),
    "admit_user": Work(0.002, 0.002, 0.015, 0.020),
    "copy_prescription_pdf": Work(0.002, 0.006, 0.015, 0.060),
}
ANNOUNCING = Work(0.002, 0.00002, 0.010, 0.00002)


@dataclass(frozen=True, slots=True)
class Flow:
    """What one entity passes: its chain's steps, Firestore documents read and written, tokens."""

    name: str
    steps: tuple[str, ...]
    reads: int = 0
    writes: int = 0
    tokens: int = 0


def flows() -> list[Flow]:
    """Return the flows, their steps as the catalog has them."""
    return [
        Flow("sign-ups", _steps("users")),
        Flow("documents", _steps("documents"), reads=1, writes=1, tokens=400),
        Flow("prescriptions", _steps("prescriptions"), reads=1, writes=1, tokens=250),
    ]


def _steps(chain: str) -> tuple[str, ...]:
    return tuple(f.name for f in catalog.load().steps() if f.chain == chain)


def dollars(flow: Flow, entities: int, size: int, concurrency: int) -> float:
    """Return what so many entities cost, travelling in messages of `size`."""
    messages = -(-entities // size)
    hop = prices.INVOCATION + prices.MESSAGE * max(1.0, size * 70 / 1024) + LOG_LINE
    total = messages * (hop + ANNOUNCING.billed(size, concurrency or 1) * prices.COMPUTE_S)
    for step in flow.steps:
        limits = catalog.load().functions[step].limits
        seconds = WORK.get(step, SETWISE).billed(size, concurrency or int(limits["concurrency"]))
        total += messages * (hop + seconds * second(limits))
    each = (
        flow.reads * prices.FIRESTORE_READ
        + flow.writes * prices.FIRESTORE_WRITE
        + flow.tokens * prices.TOKEN
    )
    return total + entities * each


def second(limits: Mapping[str, Any]) -> float:
    """Return the price of a second of an instance with a function's processors and memory."""
    memory = str(limits["memory"])
    gib = float(memory[:-2]) / (1 if memory.endswith("Gi") else 1024)
    return float(limits["cpu"]) * prices.CPU_S + gib * prices.GIB_S


def table(entities: int, sizes: Sequence[int], concurrencies: Sequence[int]) -> str:
    """Return dollars for so many entities of each flow, by message size and concurrency."""
    columns = [f"{n} ref{'s' if n > 1 else ''}, {c or 'own'}" for n in sizes for c in concurrencies]
    head = "".join(f"{column:>14}" for column in columns)
    lines = [f"{f'dollars per {entities:,}':28}{head}"]
    for flow in flows():
        cells = [dollars(flow, entities, n, c) for n in sizes for c in concurrencies]
        lines.append(f"{flow.name:28}" + "".join(f"{cell:14.2f}" for cell in cells))
    return "\n".join(lines)


def first_load(patients: int, size: int = 100, concurrency: int = OWN) -> str:
    """Return what it costs to bring patients, with two documents and one prescription each."""
    shares = {"sign-ups": 1, "documents": 2, "prescriptions": 1}
    costs = {f.name: dollars(f, patients * shares[f.name], size, concurrency) for f in flows()}
    parts = ", ".join(f"{name} {cost:.2f}" for name, cost in costs.items())
    return (
        f"first load of {patients:,} patients, two documents and one prescription each, messages of"
        f" {size}, {concurrency or 'own'} at once: ${sum(costs.values()):.2f} ({parts})"
    )


def main() -> int:
    """Print the tables; return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--concurrency", type=int, nargs="+", default=CONCURRENCIES)
    arguments = parser.parse_args()
    if arguments.entities < 1 or min(arguments.sizes) < 1 or min(arguments.concurrency) < OWN:
        parser.error("--entities and --sizes must be at least 1, --concurrency at least 0 (own)")
    print(table(arguments.entities, arguments.sizes, arguments.concurrency))
    print(f"\n{first_load(arguments.entities)}")
    print(f"list prices noted {prices.NOTED}, without free tiers; databases not included")
    return 0


if __name__ == "__main__":
    sys.exit(main())
