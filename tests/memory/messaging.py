"""Cloud Messaging in memory: what every device shows, and how it answers for a token."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import SyncError, TransientError
from shared.notices.push import Push, Receipt
from tests.memory.place import Place


class MemoryMessaging(Place):
    """
    Takes pushes. `answers` holds the receipts for a token, used up one by one; a token in `lossy`
    takes the push and answers as if it had not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[str, dict[str, int]] = {}  # by token: times, by id
        self.answers: dict[str, list[Receipt]] = {}
        self.lossy: dict[str, int] = {}

    def send(self, pushes: Sequence[Push]) -> list[Receipt]:
        """Send pushes; return a receipt for each, in order: nothing else comes of a failure."""
        try:
            with self.effect("messaging.send"):
                return [self._send(push) for push in pushes]
        except SyncError as error:
            fate = "later" if isinstance(error, TransientError) else "refused"
            wait = getattr(error, "retry_after", None)
            return [Receipt(fate, error.code, wait)] * len(pushes)

    def _send(self, push: Push) -> Receipt:
        if self.answers.get(push.token):
            return self.answers[push.token].pop(0)
        device = self.shown.setdefault(push.token, {})
        device[push.id] = device.get(push.id, 0) + 1
        if self.lossy.get(push.token, 0):
            self.lossy[push.token] -= 1
            return Receipt("later", "fcm_unavailable")
        return Receipt("taken")
