"""Make a failing history small: leave out moves, then parts of moves, while it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tests.simulation.moves import Call, Move, Race, size

Fails = Callable[[Sequence[Move]], bool]
_TRIES = 3000


def smallest(moves: Sequence[Move], fails: Fails) -> list[Move]:
    """Return a part of the history that still fails, and of which nothing can be left out."""
    tries = 0

    def still_fails(candidate: Sequence[Move]) -> bool:
        nonlocal tries
        tries += 1
        return tries <= _TRIES and fails(candidate)

    known = list(moves)
    while True:
        before = sum(map(size, known))
        known = _without_moves(known, still_fails)
        known = _with_smaller_moves(known, still_fails)
        if sum(map(size, known)) == before:
            return known


def _without_moves(moves: list[Move], fails: Fails) -> list[Move]:
    """Leave out runs of moves, ever shorter ones."""
    length = max(len(moves) // 2, 1)
    while length:
        start = 0
        while start < len(moves):
            candidate = moves[:start] + moves[start + length :]
            if fails(candidate):
                moves = candidate
            else:
                start += length
        length //= 2
    return moves


def _with_smaller_moves(moves: list[Move], fails: Fails) -> list[Move]:
    for at in range(len(moves)):
        smaller = True
        while smaller:
            smaller = False
            for variant in _variants(moves[at]):
                candidate = [*moves[:at], variant, *moves[at + 1 :]]
                if fails(candidate):
                    moves, smaller = candidate, True
                    break
    return moves


def _variants(move: Move) -> Iterator[Move]:
    """Return moves that say less."""
    match move:
        case Call():
            yield from (replace(move, faults=f) for f in _without_one(move.faults))
        case Race():
            yield from move.workers
            for workers in _without_one(move.workers):
                yield replace(move, workers=workers)
            for at, worker in enumerate(move.workers):
                for variant in _variants(worker):
                    if isinstance(variant, Call):
                        workers = (*move.workers[:at], variant, *move.workers[at + 1 :])
                        yield replace(move, workers=workers)
            yield from (replace(move, turns=turns) for turns in _without_one(move.turns))
        case _:
            return


def _without_one(parts: tuple[object, ...]) -> Iterator[tuple[object, ...]]:
    for at in range(len(parts)):
        yield parts[:at] + parts[at + 1 :]
