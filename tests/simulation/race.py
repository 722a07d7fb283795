"""
Interleaves workers: threads of which exactly one runs at any time.

A worker hands the baton back before an effect when its turns are used up; nobody but the scheduler
decides who goes on, so a schedule gives the same interleaving every time. One that is not to be
interrupted needs no thread, which most of them are not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import groupby

Pause = Callable[[], None]
Work = Callable[[Pause], None]  # is to call its argument where another may go on
WHOLLY = 20  # so many turns on end are all that a worker can need: it runs to its end


class Worker:
    """A piece of work that runs turn by turn; a turn is all up to its next effect."""

    def __init__(self, work: Work) -> None:
        self.done = False
        self._work = work
        self._turns, self._wholly = 0, False
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()

    def run(self, turns: int) -> None:
        """Let it have its turns, or WHOLLY to run to its end."""
        if self.done:
            return
        if self._thread is None and turns >= WHOLLY:
            self.done = True
            self._work(lambda: None)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._turns, self._wholly = turns, turns >= WHOLLY
        self._go.release()
        self._back.acquire()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        self._go.acquire()
        try:
            self._work(self._pause)
        except BaseException as error:  # noqa: BLE001 - `run` raises it again
            self._error = error
        self.done = True
        self._back.release()

    def _pause(self) -> None:
        self._turns -= 1
        if self._turns <= 0 and not self._wholly:
            self._back.release()
            self._go.acquire()


def race(works: Sequence[Work], turns: Sequence[int]) -> None:
    """Run all works to their end, in the order of turns as far as it reaches."""
    workers = [Worker(work) for work in works]
    for turn, same in groupby(turn % len(workers) for turn in turns):
        workers[turn].run(len(list(same)))
    for worker in workers:
        worker.run(WHOLLY)
