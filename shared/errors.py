"""
The three kinds of failure a step can meet, and what the runtime does with each.

TransientError  try later: the message is refused and Pub/Sub redelivers it with backoff.
PermanentError  can never work: the entity is parked with its code, the message acknowledged.
Anything else   unknown: treated like transient, so that nothing is lost; the dead letter bounds it.

An error carries a code and never content: vendors put row values, e-mails and phones into their
messages, so a vendor error is translated where the vendor is called and raised `from None`.
"""

from __future__ import annotations

import re

_CODE = re.compile(r"[a-z][a-z0-9_]{1,63}")
_OURS = ("functions.", "shared.", "infra.")


class SyncError(Exception):
    """Base of our errors. `code` is a short snake_case reason, safe to log and to store."""

    def __init__(self, code: str) -> None:
        if not _CODE.fullmatch(code):
            raise ValueError("an error code is 2-64 characters of a-z, 0-9 and _")
        super().__init__(code)
        self.code = code


class TransientError(SyncError):
    """May work later. `retry_after` is in seconds, when the other side named a time."""

    def __init__(self, code: str, *, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.retry_after = retry_after


class ContendedError(TransientError):
    """Lost a race inside the database (deadlock, serialization, unique key): retry at once."""


class TooMuchError(TransientError):
    """A batch is too much at a time: too long for the time a statement may take, too large."""


class PermanentError(SyncError):
    """Can never work for this entity as it is now."""


class RequestError(SyncError):
    """
    A caller's request breaks a rule. `message` names the field and the rule, never the value;
    `retry_after` is in seconds.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: float | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.message = message
        self.retry_after = retry_after


class SettingMissingError(TransientError):
    """
    A required setting is absent or malformed. Names the variable, never a value.

    Transient on purpose: it is our misconfiguration, and no message may be lost to it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"setting_missing_{name.lower()}")
        self.name = name

    def __str__(self) -> str:
        return (
            f"the setting {self.name} is missing or malformed: set the environment variable"
            f" {self.name} (what each setting means: shared/settings.py)"
        )


def unreadable(error: BaseException) -> bool:
    """
    Tell whether Python's JSON gave up on a value that a database holds: an integer of more than
    4,300 digits (jsonb prints 1e5000 in full), or nesting beyond the stack. JSON that is broken is
    another matter: an answer that was cut short is complete the next time.
    """
    return type(error) is ValueError or isinstance(error, RecursionError)


def where(error: BaseException) -> str | None:
    """
    Return module:line of our innermost frame that an error passed through. With its class that is
    what may be told of an unknown error: its text may hold anything.
    """
    found, entry = None, error.__traceback__
    while entry is not None:
        module = str(entry.tb_frame.f_globals.get("__name__", ""))
        if module.startswith(_OURS):
            found = f"{module}:{entry.tb_lineno}"
        entry = entry.tb_next
    return found
