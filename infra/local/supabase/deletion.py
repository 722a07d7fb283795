"""
Deleting users of GoTrue, hard (the row and its identities go) or soft (emptied, contacts hashed).

Source: supabase/auth internal/models/user.go, SoftDeleteUser: both contacts become hashes even
when there was none; a second soft deletion only adds an audit entry.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from infra.local.supabase.audit import NIL, entry
from infra.local.supabase.database import Connection

PHONE_CHARS = 15

AUDIT = """
insert into auth.audit_log_entries (instance_id, id, payload, created_at)
values (%(nil)s, gen_random_uuid(), %(audit)s, now())
"""
DELETE = "delete from auth.users where id = %(id)s"
SOFT_DELETE = """
with emptied as (
  update auth.users set
    email = %(email_hash)s, phone = %(phone_hash)s, encrypted_password = null,
    raw_app_meta_data = '{}', raw_user_meta_data = '{}', deleted_at = now()
  where id = %(id)s and deleted_at is null
  returning id
)
update auth.identities i set
  identity_data = '{}',
  provider_id = case i.provider when 'email' then %(email_id)s else %(phone_id)s end
from emptied where i.user_id = emptied.id
"""


def delete(connection: Connection, user: Mapping[str, Any], *, soft: bool) -> None:
    """Delete a user (as `users.find` returned it) and add an audit entry."""
    user_id = user["id"]
    audit = entry("user_deleted", "team", user_id, user["email"], user["phone"])
    given = {
        "id": user_id,
        "email_hash": _hash(user_id + user["email"]),
        "phone_hash": _hash(user_id + user["phone"])[:PHONE_CHARS],
        "email_id": _hash(f"{user_id}email:{user_id}"),
        "phone_id": _hash(f"{user_id}phone:{user_id}"),
    }
    with connection.transaction():
        connection.execute(AUDIT, {"audit": audit, "nil": NIL})
        connection.execute(SOFT_DELETE if soft else DELETE, given)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
