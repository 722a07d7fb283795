"""Play the histories of many seeds in several processes."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterator

from tests.simulation.trial import settings, try_seed

_SHARE = 25  # seeds that a process takes at a time

Broken = list[tuple[int, set[str]]]


def play_all(seeds: range, jobs: int) -> Iterator[tuple[int, set[str]]]:
    """Play all, telling how far it is; yield the failing seeds with the laws they broke."""
    shares = [seeds[at : at + _SHARE] for at in range(0, len(seeds), _SHARE)]
    played = failing = 0
    told = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(min(jobs, len(shares))) as pool:
        for share, broken in pool.imap_unordered(_play, shares):
            played, failing = played + len(share), failing + len(broken)
            for seed, laws in broken:
                sys.stderr.write(f"seed {seed}: {', '.join(sorted(laws))}\n")
            if time.monotonic() - told > 2:
                told = time.monotonic()
                sys.stderr.write(f"{played} of {len(seeds)} histories, {failing} broke a law\n")
            yield from broken


def _play(share: range) -> tuple[range, Broken]:
    with settings():
        trials = [(seed, try_seed(seed).laws) for seed in share]
    return share, [(seed, laws) for seed, laws in trials if laws]
