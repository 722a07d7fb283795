"""
Tell operators how the sync stands, and replay what they ask for.

On:         HTTP; private, for operators whom IAM admits. `/` is a page, `/openapi.json` describes
            the rest: status, stuck items, a patient, lineage, a trace, visibility, replay
Does:       reads counts and history of core's ledger and Supabase's outbox; ids and codes, no
            content. A replay delivers parked entities once more
Emits:      user-changed, user-stored, user-mirrored, profile-changed, doctor-changed,
            document-changed, document-stored, prescription-changed, prescription-pdf-copied,
            prescription-mirrored, prescription-indexed, appointment-changed, appointment-shown,
            user-deleted, erasure-ordered, supabase-erased, firebase-erased, core-erased; each for
            a replay only
Safe twice: reads change nothing; a replay is an ordinary delivery with the same keys
Gives up:   a request that breaks a rule is answered 4xx; a store that is away, 503
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.runtime import endpoint
from shared.status import page
from shared.status.routes import dispatch
from shared.status.status_routes import OPERATOR_ROUTES

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients
    from shared.replies import Reply

ABOUT = "How the sync stands, for operators. Ids, versions and codes; no content."
ROUTES = (
    *OPERATOR_ROUTES,
    page.description("HealBridge Sync: status", ABOUT, OPERATOR_ROUTES),
    *page.FILES,
)


@endpoint
def sync_status(request: Request, to: Clients) -> Reply:
    """Answer by path."""
    return dispatch(ROUTES, to, request)
