"""
The simulation: the real steps, runner and runtime on in-memory stores, a faulty bus and a clock.

A history is a list of moves made from a seed: the sources change, messages, webhooks and relays run
in any order, some twice, some never, with failures and crashes between any two effects, and with
several workers truly interleaved. Afterwards the storm ends, the sweep runs, and the stores must
agree (laws.py). The same seed gives the same history on every machine.

    make chaos SEEDS=10000 START=1

A chain takes part through one file in chains/: what happens to its entities, and what must be true
of them in the end. It is active as soon as the catalog has the chain.
"""

from __future__ import annotations
