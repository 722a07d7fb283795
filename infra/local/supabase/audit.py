"""
GoTrue's audit entries: each change of a user leaves its e-mail and phone in auth.audit_log_entries.

No deletion of the user removes them (supabase/auth internal/models/audit_log_entry.go).
"""

from __future__ import annotations

import json
import uuid

NIL = uuid.UUID(int=0)


def entry(action: str, kind: str, user_id: object, email: str | None, phone: str | None) -> str:
    """Return the payload of an entry as JSON; the actor is the service key, which is no user."""
    payload = {
        "action": action,
        "actor_id": str(NIL),
        "actor_username": "service_role",
        "actor_via_sso": False,
        "log_type": kind,
        "traits": {"user_email": email or "", "user_id": str(user_id), "user_phone": phone or ""},
    }
    return json.dumps(payload)
