"""Faults at named effects of a place: what a test wants to go wrong, and when."""

from __future__ import annotations

from collections.abc import Callable

from tests.memory.place import Place


def at(place: Place, effect: str, do: Callable[[], None], *, moment: str, times: int = 1) -> None:
    """Do something at the next `times` occurrences of an effect, "before" or "after" it."""
    left = times

    def hook(when: str, name: str) -> None:
        nonlocal left
        if (when, name) == (moment, effect) and left:
            left -= 1
            do()

    place.hook = hook


def fail(
    place: Place, effect: str, error: BaseException, *, moment: str = "before", times: int = 1
) -> None:
    """Make an effect fail: "before" it never happened, "after" only its answer is lost."""

    def refuse() -> None:
        raise error

    at(place, effect, refuse, moment=moment, times=times)
