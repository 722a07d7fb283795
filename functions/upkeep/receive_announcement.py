"""
Keep the product's own webhook routes working: its backend announces by itself.

On:         HTTP POST /supabase/document-processed {"document_id", "patient_id", "type"} and
            POST /firebase/user-created {"uid", "email", "phoneNumber"}, signed as webhooks are
Does:       notes in the journal that the entity was announced, then announces it; only its id is
            used, the rest is read again at its source. Answers 202 with a trace id
Emits:      document-changed, user-changed
Safe twice: an announcement is a hint, and its steps are safe twice
Gives up:   a body that breaks a rule is answered 4xx, naming the rule; nothing is published
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.runtime import endpoint
from shared.status.announcement_routes import ROUTES
from shared.status.routes import dispatch

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients
    from shared.replies import Reply


@endpoint
def receive_announcement(request: Request, to: Clients) -> Reply:
    """Answer by path."""
    return dispatch(ROUTES, to, request)
