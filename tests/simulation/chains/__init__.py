"""One file per chain; each file that defines CHAIN takes part when the catalog has the chain."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from shared import catalog
from tests.simulation.chain import Chain


def _found() -> dict[str, Chain]:
    modules = [import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]
    chains = {chain.name: chain for module in modules for chain in [module.CHAIN]}
    known = catalog.load().chains
    return {name: chain for name, chain in sorted(chains.items()) if name in known}


CHAINS = _found()
