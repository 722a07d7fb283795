"""
Tell a patient's app, or their doctor's, how the patient's data stands.

On:         HTTP with a Firebase ID token, from apps and browsers; public, the token is verified
            here. `/openapi.json` describes it: a patient's standing, and whether a change is
            visible yet
Does:       reads core's ledger and Supabase's documents; ids, versions and codes, no content
Emits:      nothing
Safe twice: reads change nothing
Gives up:   without a valid token 401; about somebody else 403, or 404 for what is not theirs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.access.browsers import for_browsers
from shared.runtime import endpoint
from shared.status import page
from shared.status.routes import dispatch
from shared.status.status_routes import PATIENT_ROUTES

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients
    from shared.replies import Reply

ABOUT = "How a patient's data stands, for the patient and their doctors."
ROUTES = (
    *PATIENT_ROUTES,
    page.description("HealBridge Sync: patients", ABOUT, PATIENT_ROUTES),
)


@for_browsers
@endpoint
def patient_status(request: Request, to: Clients) -> Reply:
    """Answer by path."""
    return dispatch(ROUTES, to, request)
