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
_CONTENDED = {"core", "supabase"}  # places where a race shows as an error


class Crash(BaseException):
    """The process ends here: no handler of the code under test may see it."""


def place_of(effect: str) -> str:
    """Return the place that has an effect, by its name: core_users.store happens in core."""
    name = effect.split(".", maxsplit=1)[0].split("_", maxsplit=1)[0]
    return "core" if name == "ledger" else name


def strike(kind: str, effect: str) -> BaseException:  # noqa: PLR0911 - a table of cases
    """Return what the code meets when the fault strikes at an effect."""
    place = place_of(effect)
    match kind:
        case "crash" | "crash after":
            return Crash()
        case "unavailable":
            return TransientError(f"{place}_503")
        case "rate limited":
            return TransientError(f"{place}_429", retry_after=2)
        case "unauthorised":
            return TransientError(f"{place}_401")
        case "contended" if place in _CONTENDED:
            return ContendedError(f"{place}_40001")
        case "contended" | "answer lost":
            return TransientError(f"{place}_timeout")
        case "rejected" if place not in {"bus", "core"}:
            return PermanentError(f"{place}_400")
        case _:
            return RuntimeError(f"{PLANTED} in an unexpected exception")
