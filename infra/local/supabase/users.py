"""
The users of GoTrue: schema auth, written as `supabase_auth_admin`.

Modelled, from supabase/auth internal/models: an identity per e-mail and phone, merging of metadata
(shallow, null deletes a key), confirmation marking user_metadata, an audit entry per change (see
audit.py; deletion.py deletes). Left out: passwords and sessions (`encrypted_password` stays null).
Kinder than GoTrue: metadata is merged in the database, so two updates at once lose nothing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import DictRow, dict_row

from infra.local.supabase.audit import NIL, entry
from infra.local.supabase.database import Connection

AUDIENCE = "authenticated"

FIND = """
select u.*, coalesce((
  select json_agg(i order by i.created_at, i.provider) from auth.identities i where i.user_id = u.id
), '[]') as identities
from auth.users u where u.id = %(id)s
"""


def find(connection: Connection, user_id: uuid.UUID) -> dict[str, Any] | None:
    """Return a user as GoTrue's JSON, None when there is none."""
    row = _one(connection, FIND, {"id": user_id})
    return None if row is None else _as_json(row)


TAKEN = """
select
  exists (select from auth.users where email = %(email)s and aud = %(aud)s) as email,
  exists (select from auth.users where phone = %(phone)s and aud = %(aud)s) as phone
"""


def taken(connection: Connection, email: str | None, phone: str | None, aud: str) -> str | None:
    """Return which contact another user has already: `email`, `phone` or None."""
    row = _one(connection, TAKEN, {"email": email, "phone": phone, "aud": aud})
    return next((name for name in ("email", "phone") if row and row[name]), None)


PAGE = """
select u.*, null as identities from auth.users u where aud = %(aud)s
order by created_at desc, id limit %(limit)s offset %(offset)s
"""
COUNT = "select count(*) as total from auth.users where aud = %(aud)s"


def page(connection: Connection, number: int, size: int) -> tuple[list[dict[str, Any]], int]:
    """Return one page of users, newest first, and how many there are; identities are null."""
    given = {"aud": AUDIENCE, "limit": size, "offset": size * (number - 1)}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(PAGE, given).fetchall()
    total = _one(connection, COUNT, given)
    return [_as_json(row) for row in rows], total["total"] if total else 0


CREATE = """
with given as (
  select %(app_metadata)s::jsonb as app, %(user_metadata)s::jsonb as own
), created as (
  insert into auth.users (
    instance_id, id, aud, role, email, phone, email_confirmed_at, phone_confirmed_at, banned_until,
    raw_app_meta_data, raw_user_meta_data, created_at, updated_at
  )
  select
    %(nil)s, %(id)s, %(aud)s, %(role)s, %(email)s, %(phone)s,
    case when %(email_confirm)s then now() end,
    case when %(phone_confirm)s then now() end,
    now() + %(ban_seconds)s * interval '1 second',
    (%(providers)s::jsonb || app) - array(select key from jsonb_each(app) where value = 'null'),
    own || %(confirmed)s::jsonb,
    clock_timestamp(), clock_timestamp()
  from given
  returning id, email, phone
), linked as (
  insert into auth.identities (
    provider_id, user_id, provider, identity_data, last_sign_in_at, created_at, updated_at
  )
  select id::text, id, provider, jsonb_build_object(
    'sub', id, provider, value, 'email_verified', false, 'phone_verified', false
  ), now(), now(), now()
  from created, lateral (values ('email', email), ('phone', phone)) as contact(provider, value)
  where value is not null
)
insert into auth.audit_log_entries (instance_id, id, payload, created_at)
values (%(nil)s, gen_random_uuid(), %(audit)s, now())
"""


def create(connection: Connection, user: Mapping[str, Any]) -> None:
    """Insert a user, its identities and an audit entry.

    Raises:
        psycopg.errors.UniqueViolation: the id, e-mail or phone is taken.
    """
    names = [name for name in ("email", "phone") if user[name]]
    providers = json.dumps({"provider": names[0], "providers": names})
    audit = entry("user_signedup", "team", user["id"], user["email"], user["phone"])
    connection.execute(CREATE, {**user, "providers": providers, "audit": audit, "nil": NIL})


UPDATE = """
with given as (
  select %(app_metadata)s::jsonb as app, %(user_metadata)s::jsonb as own
), changed as (
  update auth.users set
    role = coalesce(%(role)s, role),
    email = coalesce(%(email)s, email),
    phone = coalesce(%(phone)s, phone),
    email_confirmed_at = case when %(email_confirm)s then now() else email_confirmed_at end,
    phone_confirmed_at = case when %(phone_confirm)s then now() else phone_confirmed_at end,
    banned_until = case
      when %(ban)s then now() + %(ban_seconds)s * interval '1 second' else banned_until end,
    raw_app_meta_data = (coalesce(raw_app_meta_data, '{}') || app)
      - array(select key from jsonb_each(app) where value = 'null'),
    raw_user_meta_data = (coalesce(raw_user_meta_data, '{}') || %(confirmed)s::jsonb || own)
      - array(select key from jsonb_each(own) where value = 'null'),
    updated_at = clock_timestamp()
  from given where id = %(id)s
  returning id, email, phone
), linked as (
  insert into auth.identities as known (
    provider_id, user_id, provider, identity_data, last_sign_in_at, created_at, updated_at
  )
  select id::text, id, provider, jsonb_build_object(
    'sub', id, provider, value, provider || '_verified', verified
  ), now(), now(), now()
  from changed, lateral (values
    ('email', %(email)s::text, %(email_confirm)s), ('phone', %(phone)s::text, %(phone_confirm)s)
  ) as contact(provider, value, verified)
  where value is not null
  on conflict (provider_id, provider) do update
  set identity_data = known.identity_data || excluded.identity_data, updated_at = now()
)
insert into auth.audit_log_entries (instance_id, id, payload, created_at)
select %(nil)s, gen_random_uuid(), jsonb_set(%(audit)s::jsonb, '{traits}', jsonb_build_object(
  'user_id', id, 'user_email', coalesce(email, ''), 'user_phone', coalesce(phone, '')
)), now() from changed
"""


def update(connection: Connection, user: Mapping[str, Any]) -> None:
    """Change a user: contacts, role and ban that are given; metadata merged; an audit entry.

    Raises:
        psycopg.errors.UniqueViolation: the e-mail or phone is taken.
    """
    audit = entry("user_modified", "user", user["id"], None, None)
    connection.execute(UPDATE, {**user, "audit": audit, "nil": NIL})


def _one(connection: Connection, query: LiteralString, given: Mapping[str, Any]) -> DictRow | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, given).fetchone()


def _as_json(row: DictRow) -> dict[str, Any]:
    times = {
        name: value.isoformat().replace("+00:00", "Z")
        for name, value in row.items()
        if isinstance(value, datetime)
    }
    return {
        "id": str(row["id"]),
        "aud": row["aud"],
        "role": row["role"],
        "email": row["email"] or "",
        "phone": row["phone"] or "",
        **times,
        "app_metadata": row["raw_app_meta_data"],
        "user_metadata": row["raw_user_meta_data"],
        "identities": row["identities"] and [_identity(entry) for entry in row["identities"]],
        "is_anonymous": row["is_anonymous"],
    }


def _identity(row: dict[str, Any]) -> dict[str, Any]:
    """Return an identity as GoTrue does: its row id is `identity_id`, `id` is the provider's."""
    return {**row, "identity_id": row["id"], "id": row["provider_id"]}
