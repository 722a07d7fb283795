"""
What an announcement costs at most, by list prices; for quotes, not for invoices.

Prices in US dollars without free tiers or discounts, noted in November 2026 from secondary sources:
check them before you rely on a quote. The databases themselves are paid by the hour, not by use.
"""

from __future__ import annotations

from dataclasses import dataclass

NOTED = "2026-11"
INVOCATION = 0.40 / 1e6  # one request to a function
CPU_S, GIB_S = 0.000024, 0.0000025  # one second of a vCPU, of a GiB of memory
COMPUTE_S = CPU_S + 0.5 * GIB_S  # one second of an instance as the catalog has them by default
MESSAGE = 2 * 1024 * 40 / 2**40  # published and delivered once, at least 1 kB each
TOKEN = 0.02 / 1e6  # text-embedding-3-small
FIRESTORE_READ, FIRESTORE_WRITE = 0.06 / 1e5, 0.18 / 1e5  # a document, in a multi-region
LOG_BYTE = 0.50 / 2**30
CHARACTERS_PER_TOKEN = 2.5  # careful: English has about 4, Indian scripts about 2
_STEP_S = 0.05  # a step's time for one entity alone; in a batch it is far less


@dataclass(frozen=True, slots=True)
class Quote:
    """The most that announcing entities can cost. Reads and writes are of rows, in all stores."""

    entities: int
    steps: int
    reads: int
    writes: int
    tokens: int
    dollars: float
    each: float  # dollars for one entity, also where there is none yet


def quote(entities: int, steps: int, characters: float) -> Quote:
    """
    Return the quote for entities that each pass `steps` steps; `characters` of each are embedded (0
    for a chain without embeddings). As if every entity travelled alone and every text were new.
    """
    tokens = round(entities * characters / CHARACTERS_PER_TOKEN)
    hop = INVOCATION + MESSAGE + _STEP_S * COMPUTE_S
    each = (steps + 1) * hop + characters / CHARACTERS_PER_TOKEN * TOKEN  # the relay is one more
    return Quote(
        entities,
        steps,
        reads=entities * (1 + 2 * steps),  # each step: its source, and the version again
        writes=entities * (2 + 2 * steps),  # each step: its target and the ledger
        tokens=tokens,
        dollars=round(entities * each, 6),
        each=each,
    )
