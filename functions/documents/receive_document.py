"""
Receive Supabase's webhook: some uploads changed.

On:         HTTP POST from the database's trigger, signed with the webhook secret
Does:       checks the hint, then announces what the outbox holds; the hint's ids are not trusted
            with anything, the outbox rows of the writing transaction are what counts
Emits:      document-changed
Safe twice: outbox rows are leased and settled
Gives up:   a body that breaks a rule is answered 4xx, naming the rule; nothing is published
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared import catalog, settings
from shared.access import webhook
from shared.relay import drain
from shared.runtime import endpoint

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

_BUDGET_S = 3.0  # pg_net gives up after 5 s; what is left then is the sweep's


@endpoint
def receive_document(request: Request, to: Clients) -> dict[str, Any]:
    """Check the hint and announce."""
    body = webhook.read_body(request)
    webhook.authenticate(request.headers, body, settings.required("WEBHOOK_SECRET"))
    webhook.check_hint(body, table="documents")
    topics = catalog.load().announced_by("supabase")
    sent = drain(to.supabase_outbox, to.publish, topics, budget_s=_BUDGET_S)
    return {"announced": sent}
