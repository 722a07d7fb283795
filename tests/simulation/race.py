"""
Interleaves workers: threads of which exactly one runs at any time.

A worker hands the baton back before each of its effects; nobody but the scheduler decides who goes
on, so a schedule gives the same interleaving every time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

Pause = Callable[[], None]
Work = Callable[[Pause], None]  # is to call its argument where another may go on


class Worker:
    """One thread that runs only between `step` and its next pause."""

    def __init__(self, work: Work) -> None:
        self.done = False
        self.error: BaseException | None = None
        self._work = work
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._thread: threading.Thread | None = None

    def step(self) -> None:
        """Let it run up to its next effect, or to its end."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._go.release()
        self._back.acquire()
        if self.done:
            self._thread.join()
            if self.error is not None:
                raise self.error

    def _run(self) -> None:
        self._go.acquire()
        try:
            self._work(self._pause)
        except BaseException as error:  # noqa: BLE001 - it is raised again by `step`
            self.error = error
        self.done = True
        self._back.release()

    def _pause(self) -> None:
        self._back.release()
        self._go.acquire()


def race(works: Sequence[Work], turns: Sequence[int]) -> None:
    """Run all works to their end, in the order of turns as far as it reaches."""
    workers = [Worker(work) for work in works]
    for turn in turns:
        if not workers[turn % len(workers)].done:
            workers[turn % len(workers)].step()
    for worker in workers:
        while not worker.done:
            worker.step()
