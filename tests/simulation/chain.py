"""What a chain brings to the simulation: what happens to its sources, what must hold at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass(frozen=True)
class Operation:
    """A change of the source. `weight` says how often it is chosen."""

    weight: int
    run: Callable[[World, int, int], None]


@dataclass(frozen=True)
class Finding:
    """
    Something that is not as it should be about an entity, (kind, key); `what` holds no content.

    law       agreement, or one that admits no excuse: duplicate_effects, resurrected, unsafe_order
    steps     the steps whose ledger may account for a disagreement: parked there, it is not lost
    lasting   codes of parking that repair cannot cure
    excused   before repair, nobody could know: the source's trigger was lost
    """

    entity: tuple[str, str]
    what: str
    law: str = "agreement"
    steps: tuple[str, ...] = ()
    lasting: frozenset[str] = frozenset()
    excused: bool = False


@dataclass(frozen=True)
class Chain:
    """
    `kind` is that of the refs in its messages, and `number_of` finds the number of an entity in a
    key, None for one that no operation can name. `findings` looks at the world when all is quiet.
    """

    name: str
    kind: str
    number_of: Callable[[str], int | None]
    operations: Mapping[str, Operation]
    findings: Callable[[World], Iterator[Finding]]
