"""What can strike a step around one of its effects, and the error each place raises for it."""

from __future__ import annotations

from shared.errors import ContendedError, PermanentError, TransientError

PLANTED = "Plantedsecret"  # every planted piece of content holds it: see laws.py

# kind -> whether it strikes before the effect (which then does not happen) or after it
KINDS = {
    "crash": "before",
    "crash after": "after",
    "unavailable": "before",
    "rate limited": "before",
    "unauthorised": "before",
    "contended": "before",
    "rejected": "before",
    "unknown": "before",
    "unknown after": "after",
    "answer lost": "after",
}
STORMS = ("unavailable", "rate limited", "unauthorised")
_STATUS = {
    "unavailable": "503",
    "rate limited": "429",
    "unauthorised": "401",
    "contended": "timeout",
    "answer lost": "timeout",
}
_CONTENDED = {"core", "supabase"}  # places where a race shows as an error


class Crash(BaseException):
    """The process ends here: no handler of the code under test may see it."""


def place_of(effect: str) -> str:
    """Return the place that has an effect, by its name: core_users.store happens in core."""
    name = effect.split(".", maxsplit=1)[0].split("_", maxsplit=1)[0]
    return "core" if name == "ledger" else name


def strike(kind: str, effect: str) -> BaseException:
    """Return what the code meets when the fault strikes at an effect."""
    place = place_of(effect)
    if kind.startswith("crash"):
        return Crash()
    if kind == "contended" and place in _CONTENDED:
        return ContendedError(f"{place}_40001")
    if kind == "rejected" and place not in {"bus", "core"}:
        return PermanentError(f"{place}_400")
    if kind in _STATUS:
        wait = 2 if kind == "rate limited" else None
        return TransientError(f"{place}_{_STATUS[kind]}", retry_after=wait)
    return RuntimeError(f"{PLANTED} in an unexpected exception")
