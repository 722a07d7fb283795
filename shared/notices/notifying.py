"""
Tell patients what is new: a note in the inbox, and a push to their devices.

claim    core says what differs from what the patient was told, and keeps a row for it: one
         transaction reads and claims, so nothing is told that core does not know of
withdraw notes of what was deleted or revoked stay, and lead nowhere any more; one that is still to
         be laid is laid here without its link, so whoever is about to comes too late
inbox    the note is laid into the patient's inbox; it is there even if no push ever arrives
push     to every device that does not have it yet, if the patient consents
settle   core keeps how far it got, together with the backend's row and the ledger

What is news is said by `sync.news` in core. A canary is told nothing, and leaves no claim and no
row among the backend's notifications. A crash anywhere is taken up by the redelivery of the same
message, at the claim it left open.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from shared import ids
from shared.errors import PermanentError, TransientError
from shared.notices.push import Push, Receipt, fingerprint
from shared.outcomes import Outcome, Outcomes, done, failed, gone
from shared.stores.inboxes import Note, Recipient

if TYPE_CHECKING:
    from uuid import UUID

    from shared.events import Ref
    from shared.models.notices import Claim, Telling
    from shared.runner import Batch


class Notifications(Protocol):
    """Claims in core."""

    def claim(self, batch: Batch, kind: str) -> Telling: ...

    def settle(
        self, batch: Batch, kind: str, deliveries: Sequence[Delivery], outcomes: Sequence[Outcome]
    ) -> None: ...


class Inboxes(Protocol):
    """Inboxes and devices in Firestore."""

    def look_up(self, notes: Sequence[Note]) -> dict[str, Recipient]: ...

    def put(self, notes: Sequence[Note]) -> None: ...

    def unlink(self, notes: Sequence[Note], due: Collection[str]) -> None: ...

    def forget(self, recipient: Recipient, dead: Sequence[str]) -> None: ...


class Messaging(Protocol):
    """The push service."""

    def send(self, pushes: Sequence[Push]) -> list[Receipt]: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    How far a claim got: sent (a device has it), unsent (there is nobody to push to, `code` says
    why), failed (it can never be pushed), or still claimed.
    """

    id: str
    claim: Claim
    state: str
    code: str | None = None
    reached: frozenset[str] = frozenset()
    retry_after: float | None = None


def notify(
    batch: Batch,
    kind: str,
    *,
    notifications: Notifications,
    inboxes: Inboxes,
    messaging: Messaging,
    namespace: UUID,
) -> Outcomes:
    """Tell the patients of a batch's entities what is new of them, each once."""
    telling = notifications.claim(batch, kind)
    _withdraw(kind, telling.withdrawn, inboxes, namespace)
    mine = {
        ids.notification_id(namespace, kind, claim.key, claim.version): claim
        for claim in telling.claims
        if not claim.held
    }
    deliveries = _deliver(kind, mine, inboxes, messaging) if mine else []
    outcomes = [_outcome(ref, telling, deliveries) for ref in batch.refs]
    notifications.settle(batch, kind, deliveries, outcomes)
    return Outcomes(recorded=outcomes)


def _withdraw(kind: str, claims: Sequence[Claim], inboxes: Inboxes, namespace: UUID) -> None:
    """Withdrawn as they were read: no older news of these entities can be claimed any more."""
    told = {ids.notification_id(namespace, kind, c.key, c.version): c for c in claims}
    if told:
        notes = [
            Note(at, claim.uid, f"{kind}_{claim.what}", kind, None, claim.created_at)
            for at, claim in told.items()
        ]
        inboxes.unlink(notes, {at for at, claim in told.items() if claim.held})


def _deliver(
    kind: str, claims: Mapping[str, Claim], inboxes: Inboxes, messaging: Messaging
) -> list[Delivery]:
    notes = [
        Note(at, claim.uid, f"{kind}_{claim.what}", kind, claim.key, claim.created_at)
        for at, claim in claims.items()
    ]
    recipients = inboxes.look_up(notes)
    absent = [note for note in notes if note.id not in recipients[note.uid].present]
    if absent:
        inboxes.put(absent)
    pushes = [push for at, claim in claims.items() for push in _pushes(at, claim, recipients)]
    receipts = dict(zip(pushes, messaging.send(pushes) if pushes else [], strict=True))
    _forget_dead(recipients, receipts, inboxes)
    return [
        _delivery(
            at, claim, recipients[claim.uid], {p: r for p, r in receipts.items() if p.id == at}
        )
        for at, claim in claims.items()
    ]


def _pushes(at: str, claim: Claim, recipients: Mapping[str, Recipient]) -> list[Push]:
    recipient = recipients[claim.uid]
    if not recipient.consents:
        return []
    return [
        Push(at, token) for token in recipient.tokens if fingerprint(token) not in claim.reached
    ]


def _delivery(
    at: str, claim: Claim, recipient: Recipient, receipts: Mapping[Push, Receipt]
) -> Delivery:
    taken = {fingerprint(push.token) for push, r in receipts.items() if r.fate == "taken"}
    reached = claim.reached | taken
    waits = [r for r in receipts.values() if r.fate == "later"]
    refusals = [r for r in receipts.values() if r.fate == "refused"]
    if waits:
        retry_after = max((r.retry_after or 0 for r in waits), default=0) or None
        return Delivery(at, claim, "claimed", waits[0].code, reached, retry_after)
    if reached:
        return Delivery(at, claim, "sent", None, reached)
    if refusals:
        return Delivery(at, claim, "failed", refusals[0].code)
    return Delivery(at, claim, "unsent", "no_device" if recipient.consents else "no_consent")


def _forget_dead(
    recipients: Mapping[str, Recipient], receipts: Mapping[Push, Receipt], inboxes: Inboxes
) -> None:
    dead = {push.token for push, receipt in receipts.items() if receipt.fate == "dead"}
    for recipient in recipients.values():
        theirs = [token for token in recipient.tokens if token in dead]
        if theirs:
            try:
                inboxes.forget(recipient, theirs)
            except TransientError:
                continue  # the app changed the profile meanwhile, say: the next push looks again


def _outcome(ref: Ref, telling: Telling, deliveries: Sequence[Delivery]) -> Outcome:
    if ref.key not in telling.versions:
        return gone(ref)
    ref = replace(ref, version=telling.versions[ref.key])
    match telling.untold.get(ref.key):
        case None:
            return _told(ref, telling, [d for d in deliveries if d.claim.key == ref.key])
        case "canary":
            return done(ref, code="canary")
        case "prescription_summary_unreadable" as code:
            return failed(ref, PermanentError(code))
        case code:
            return Outcome(ref, "gone", code)


def _told(ref: Ref, telling: Telling, own: Sequence[Delivery]) -> Outcome:
    for delivery in own:
        if delivery.state == "claimed":
            code = delivery.code or "fcm_unknown"
            return failed(ref, TransientError(code, retry_after=delivery.retry_after))
    if any(claim.held for claim in telling.claims if claim.key == ref.key):
        return failed(ref, TransientError("notification_in_hand"))
    for delivery in own:
        if delivery.state == "failed":
            return failed(ref, PermanentError(delivery.code or "fcm_refused_message"))
    return done(ref, code=own[-1].code if own else "no_news")
