"""
What must hold when the storm is over, and how the storm ends.

lost               after the sweep something is missing or old, and the ledger does not say why
divergent          so after the reconciler repaired what it found, or it finds no end
duplicate_effects  something happened twice as a patient would see it
resurrected        something of an erased patient is there
unsafe_order       what was withdrawn is still shown as if it held
phi_leaks          planted content in a message, log line, answer, ledger code or dead letter
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from shared.outcomes import FORWARDED
from tests.simulation import telling
from tests.simulation.chain import Finding
from tests.simulation.chains import CHAINS
from tests.simulation.chains.users import is_erased
from tests.simulation.moves import Call
from tests.simulation.repair import repair, sweep
from tests.simulation.world import World

LAWS = ("divergent", "lost", "duplicate_effects", "resurrected", "unsafe_order", "phi_leaks")
_CONTENT = ("Plantedsecret", "98765432", "plantedmail")
_UID = "uidplanted"  # keys of messages and of the ledger, but nobody else's business


@dataclass(frozen=True)
class Violation:
    """A law that a history broke, and where."""

    law: str
    what: str


def aftermath(world: World) -> Iterator[Violation]:
    """End the storm, sweep, look; repair, sweep, look again."""
    yield from _unexpected(world)
    world.told.append("-- the storm is over: what is on its way arrives")
    quiet = world.drain()
    yield from _let_go(world)
    world.told.append("-- sweep")
    if not (quiet and sweep(world)):
        yield Violation("lost", "the bus does not fall quiet")
        return
    yield from _broken(world, "lost")
    world.told.append("-- repair: the reconciler runs, and a person replays what is parked")
    for what in repair(world):
        yield Violation("divergent", what)
    yield from _broken(world, "divergent")
    yield from _canary(world)


def _let_go(world: World) -> Iterator[Violation]:
    """
    Before anything is sent again: what a step refused, or was sent and has not answered for, must
    still come, but for messages that the bus has lost. The sweep would hide who let go of it.
    """
    core = world.to.memory_core
    for (kind, key, step), row in core.ledger_rows.items():
        if row.state == "retrying" and (kind, key, step) not in world.lost:
            yield Violation("lost", f"{kind} {key}: acknowledged without an outcome by {step}")
    for (kind, key, step), row in core.awaited.rows.items():
        origin = (kind, key, row.origin)
        known = core.ledger_rows.get(origin)
        # Who parked it since, or found it gone, before anything was published, sends nothing.
        sends = known is None or known.state in FORWARDED
        is_lost = {origin, (kind, key, step)} & world.lost or is_erased(world, key, kind)
        if sends and not is_lost:
            yield Violation("lost", f"{kind} {key}: {step} never answered {row.origin}")


def _canary(world: World) -> Iterator[Violation]:
    """When all is quiet, the canary passes through every chain; nothing is said to stand still."""
    stalled: dict[str, str] = {}
    for _ in range(3):  # what it touched in the storm is judged first
        world.play(Call("run_canary"))
        stalled = json.loads(world.answers[-1])["stalled"]
        if not world.drain():
            yield Violation("lost", "the bus does not fall quiet")
    for kind, step in stalled.items():
        yield Violation("lost", f"the canary's {kind} stands still at {step}")


def _broken(world: World, disagreement: str) -> Iterator[Violation]:
    for findings in (*(chain.findings for chain in CHAINS.values()), telling.findings):
        for finding in findings(world):
            if not _is_accounted(world, finding):
                law = disagreement if finding.law == "agreement" else finding.law
                yield Violation(law, f"{' '.join(finding.entity)}: {finding.what}")
    for (kind, key, step), row in world.to.memory_core.ledger_rows.items():
        if row.state == "retrying":  # and yet nothing is on its way
            yield Violation(disagreement, f"{kind} {key}: retrying for ever in {step}")


def _is_accounted(world: World, finding: Finding) -> bool:
    """Tell whether the ledger accounts for a disagreement, or nobody could know of it."""
    if finding.law == "resurrected":
        return False
    kind, key = finding.entity
    if is_erased(world, key, kind):  # what was erased need agree with nothing
        return True
    if finding.law == "duplicate_effects":
        return False
    rows = [world.to.memory_core.ledger_rows.get((*finding.entity, s)) for s in finding.steps]
    codes = {row.error_code for row in rows if row is not None and row.state == "parked"}
    if world.repaired:
        return bool(codes & finding.lasting)
    return finding.excused or bool(codes)


def _unexpected(world: World) -> Iterator[Violation]:
    """Only the exceptions that the storm has raised may be unknown."""
    codes = {str(row.code) for row in world.to.memory_core.journal_rows}
    codes |= {json.loads(answer or "{}").get("error", "") for answer in world.answers}
    for code in sorted(codes - {"unknown_runtimeerror"}):
        if code.startswith("unknown_"):
            yield Violation("lost", f"an exception that nobody expects: {code}")


def leaks(world: World, log: str) -> Iterator[Violation]:
    """Look for planted content where no content may be."""
    core = world.to.memory_core
    codes = [str(row.error_code) for row in core.ledger_rows.values()]
    codes += [str(row.code) for row in core.journal_rows]
    messages = [
        f"{data!r} {attributes}"
        for _, data, attributes in world.to.bus.messages
        if b'"refs"' in data  # ours; a garbled one holds what its sender put there
    ]
    for where, texts, forbidden in (
        ("a message", messages, _CONTENT),
        ("the ledger's codes", codes, (*_CONTENT, _UID)),
        ("an answer", world.answers, (*_CONTENT, _UID)),
        ("the log", [log], (*_CONTENT, _UID)),
    ):
        if any(secret in text for text in texts for secret in forbidden):
            yield Violation("phi_leaks", f"planted content in {where}")
