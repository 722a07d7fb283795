"""Make a history from a seed. The seed alone decides: nothing is drawn while a history plays."""

from __future__ import annotations

from random import Random

from tests.simulation.chains import CHAINS
from tests.simulation.faults import KINDS, STORMS
from tests.simulation.moves import (
    Act,
    Call,
    Change,
    Drain,
    Duplicate,
    Fault,
    Lose,
    Move,
    Race,
    Storm,
    Wait,
    Worker,
)  # fmt: skip
from tests.simulation.race import WHOLLY

PLACES = (
    "core", "supabase", "accounts", "firestore", "embedder", "messaging", "bus", "pdf", "storage",
)  # fmt: skip
_MOST_EFFECTS = 10  # of one call that faults are aimed at
_NEWEST = -1
_CALLS = {
    "message": 48,
    "relay": 16,
    "trigger": 12,
    "webhook": 8,
    "decision": 2,
    "run_canary": 1,
    "retry_failed": 1,
    "reconcile": 1,
}  # how often each is called
_ANNOUNCING = ("relay", "relay", "webhook", "trigger")


def history(seed: int) -> list[Move]:
    """Return the moves of a seed: 10 to 40 operations and what befalls them."""
    dice = Random(seed)
    roughness = dice.choice((0.02, 0.1, 0.25))  # share of calls that a fault is aimed at
    entities = dice.choice((1, 2, 4))  # few: they meet themselves and each other
    moves: list[Move] = []
    for _ in range(dice.randint(10, 40)):
        moves.append(_act(dice, entities))
        moves += [_move(dice, roughness, entities) for _ in range(dice.choice((0, 1, 2, 4)))]
    # At the end nothing changes any more that would heal what went wrong before.
    for _ in range(dice.choice((2, 4, 8))):
        if dice.random() < 0.3:
            moves.append(Drain())
        moves += [_act(dice, entities), Call(dice.choice(_ANNOUNCING), dice.randrange(2))]
        moves += [_overtaken(dice, roughness), _call(dice, roughness)]
    return moves


def _move(dice: Random, roughness: float, entities: int) -> Move:
    throw = dice.random()
    if throw < 0.62:
        return _call(dice, roughness)
    if throw < 0.80:
        return _race(dice, roughness, entities)
    if throw < 0.88:
        return Duplicate(_pick(dice))
    if throw < 0.92:
        return Lose(dice.choice(("trigger", "webhook", "message")), _pick(dice))
    if throw < 0.96:
        return Storm(dice.choice(PLACES), dice.choice(STORMS), dice.choice((1, 3, 10, 30)))
    return Wait(dice.choice((10, 70)))  # less and more than a lease


def _act(dice: Random, entities: int) -> Act:
    choices = [
        (chain.name, name, operation.weight)
        for chain in CHAINS.values()
        for name, operation in chain.operations.items()
    ]
    [(chain, operation, _)] = dice.choices(choices, [weight for *_, weight in choices])
    return Act(chain, operation, dice.randrange(entities), dice.randrange(1000))


def _call(dice: Random, roughness: float) -> Call:
    [what] = dice.choices(list(_CALLS), list(_CALLS.values()))
    return Call(what, _pick(dice), _faults(dice, roughness))


def _faults(dice: Random, roughness: float) -> tuple[Fault, ...]:
    faults: list[Fault] = []
    while dice.random() < roughness and len(faults) < 3:
        kind = dice.choice(list(KINDS))
        faults.append(Fault(dice.randint(1, _MOST_EFFECTS), kind))
    return tuple(faults)


def _race(dice: Random, roughness: float, entities: int) -> Race:
    if dice.random() < 0.4:
        return _overtaken(dice, roughness)
    first = _call(dice, roughness)
    workers: list[Worker] = [first]
    for _ in range(dice.choice((1, 1, 2))):
        throw = dice.random()
        if throw < 0.2:
            workers.append(_act(dice, entities))
        elif throw < 0.6:  # what the first has just published, or its double
            workers.append(Call("message", dice.choice((_NEWEST, first.pick))))
        else:
            workers.append(_call(dice, roughness))
    if dice.random() < 0.5:
        return Race(tuple(workers), _interrupted(dice, len(workers)))
    turns = dice.choices(range(len(workers)), k=dice.randint(4, 24))
    return Race(tuple(workers), tuple(turns))


def _overtaken(dice: Random, roughness: float) -> Race:
    """While one waits in mid-work, its source changes, and the change overtakes it."""
    [what] = dice.choices(("message", "relay"), (5, 1))
    first = Call(what, _pick(dice), _faults(dice, roughness))
    change, message = Change(dice.randrange(1000)), Call("message", _NEWEST)
    announce = Call(dice.choice(_ANNOUNCING), dice.randrange(2))
    workers = dice.choice(
        (
            (first, change, announce, message),
            (first, change, announce, message, message),
            (first, message, change),
        )
    )
    return Race(workers, _interrupted(dice, len(workers)))


def _interrupted(dice: Random, workers: int) -> tuple[int, ...]:
    """Return turns: the first up to its k-th effect, the others wholly, then the first again."""
    rest = [worker for worker in range(1, workers) for _ in range(WHOLLY)]
    return (*[0] * dice.choice((1, 2, 2, 2, 3, 3, 3, 4, 5)), *rest)


def _pick(dice: Random) -> int:
    return dice.choice((0, 0, 0, _NEWEST, dice.randrange(50)))
