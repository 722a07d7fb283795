"""
The canary patient and the canary doctor, who travel every chain (shared/repair/canary_ways.py).

Their uids begin with a prefix that Firebase never gives. Whoever counts people or tells them
something leaves them out: `is_canary`, in SQL `sync.is_canary(firebase_uid)`.
"""

from __future__ import annotations

PREFIX = "canary-"
UID = f"{PREFIX}1"
DOCTOR_UID = f"{PREFIX}2"
ERASURE = f"{PREFIX}erasure"  # nobody's: the id of one that was ordered is a hash


def email(uid: str) -> str:
    """Return a canary's address; no mail can ever arrive under .invalid (RFC 2606)."""
    return f"{uid}@canary.invalid"


def is_canary(uid: str) -> bool:
    """Tell whether a uid is a canary's."""
    return uid.startswith(PREFIX)
