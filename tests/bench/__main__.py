"""`make bench`: run the items, print the table, write build/bench.json, compare."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

from infra.local.toolchain import say
from tests.bench.items import ITEMS, Item
from tests.bench.report import RESULT, STORED, Figure, comparison, table, write
from tests.bench.world import world


def main() -> int:
    """Run the benchmark; return 0 when every figure was taken, whatever it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="show that all works, in short")
    parser.add_argument("--only", nargs="*", choices=sorted(ITEMS), help="these items alone")
    parser.add_argument("--store", action="store_true", help="keep the result to compare with")
    arguments = parser.parse_args()
    figures = run([ITEMS[n] for n in arguments.only or ITEMS], quick=arguments.quick)
    print(table(figures))
    if arguments.only:
        return 0
    if not arguments.quick:
        print(comparison(figures))
    write(figures)
    if arguments.store:
        shutil.copy(RESULT, STORED)
    return 0


def run(items: list[Item], *, quick: bool) -> list[Figure]:
    """Run items one after the other in one world."""
    figures: list[Figure] = []
    # What steps log in this process is not part of the table.
    with world(quick=quick) as there, Path(os.devnull).open("w") as nowhere:
        for item in items:
            began = time.monotonic()
            with contextlib.redirect_stdout(nowhere):
                figures += item(there)
            say(f"{item.__module__.rpartition('.')[2]}: {time.monotonic() - began:.0f} s")
    return figures


if __name__ == "__main__":
    sys.exit(main())
