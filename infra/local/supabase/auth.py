"""
GoTrue's admin API at /auth/v1/admin/users: list, create, read, update, delete.

Modelled, from supabase/auth internal/api/admin.go: an explicit id of any UUID version; normalised
e-mail (lower case) and phone (without '+'); 422 email_exists and phone_exists on create; 500 for a
taken id on create and a taken e-mail or phone on update, which nothing checks beforehand; creation
answers 200; pages of 50, newest first, X-Total-Count and Link; both error shapes; 404
validation_failed for a path that is no UUID. Left out: everything that is not admin/users or
health, passwords, cursor paging, MFA, rate limits, hooks. Differs on purpose: while the database
is away the answer is 503, not GoTrue's 500, as from the gateway in front of it.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import psycopg

from infra.local.loopback import Request, Response
from infra.local.supabase import deletion, users
from infra.local.supabase.audit import NIL
from infra.local.supabase.database import Connection
from infra.local.supabase.errors import AuthError

PREFIX = "/auth/v1/"
PER_PAGE = 50
MAX_EMAIL = 255
EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)
PHONE = re.compile(r"[1-9][0-9]{1,14}")
DURATION = re.compile(r"(?P<number>\d+\.?\d*|\.\d+)(?P<unit>ns|us|µs|ms|s|m|h)")
SECONDS = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
TEXTS = ("id", "aud", "role", "email", "phone", "password", "password_hash", "ban_duration")
FLAGS = ("email_confirm", "phone_confirm")
OBJECTS = ("app_metadata", "user_metadata")
TAKEN = {
    "email": "A user with this email address has already been registered",
    "phone": "Phone number already registered by another user",
}


def serve_users(connection: Connection, request: Request) -> Response:
    """Answer a request for /auth/v1/admin/users or one user of it.

    Raises:
        AuthError: the request or its values are refused.
    """
    path = request.path.removeprefix(PREFIX)
    if path == "admin/users":
        if request.method == "GET":
            return _list(connection, request)
        if request.method == "POST":
            return _create(connection, _parse(request.body))
    elif path.startswith("admin/users/") and path.count("/") == 2:
        return _one_user(connection, request, path.rpartition("/")[2])
    raise AuthError(404, "unexpected_failure", "the stand-in has no such route")


def _one_user(connection: Connection, request: Request, text: str) -> Response:
    try:
        user_id = uuid.UUID(text)
    except ValueError:
        raise AuthError(404, "validation_failed", "user_id must be an UUID") from None
    user = users.find(connection, user_id)
    if user is None:
        raise AuthError(404, "user_not_found", "User not found")
    if request.method == "GET":
        return _json(user)
    if request.method == "PUT":
        return _update(connection, user_id, _parse(request.body))
    if request.method == "DELETE":
        wanted = _parse(request.body) if request.body else {}
        deletion.delete(connection, user, soft=wanted.get("should_soft_delete") is True)
        return _json({})
    raise AuthError(405, "unexpected_failure", "Method not allowed")


def _list(connection: Connection, request: Request) -> Response:
    given = dict(request.query)
    number, size = given.get("page") or "1", given.get("per_page") or str(PER_PAGE)
    if not number.isdigit() or not size.isdigit() or not int(size):
        raise AuthError(400, "validation_failed", "Bad Pagination Parameters")
    found, total = users.page(connection, max(int(number), 1), int(size))
    last = -(-total // int(size))
    links = [f'</admin/users?page={last}&per_page={size}>; rel="last"']
    if last > int(number):
        links.insert(0, f'</admin/users?page={int(number) + 1}&per_page={size}>; rel="next"')
    headers = {"X-Total-Count": str(total), "Link": ", ".join(links)}
    return _json({"users": found, "aud": users.AUDIENCE}, headers)


def _create(connection: Connection, given: dict[str, Any]) -> Response:
    if not given["email"] and not given["phone"]:
        message = "Cannot create a user without either an email or phone"
        raise AuthError(400, "validation_failed", message)
    user = _values(given)
    user["aud"] = given["aud"] or users.AUDIENCE
    user["role"] = user["role"] or "authenticated"
    if name := users.taken(connection, user["email"], user["phone"], user["aud"]):
        raise AuthError(422, f"{name}_exists", TAKEN[name])
    if given["password"] is not None and given["password_hash"]:
        message = "Only a password or a password hash should be provided"
        raise AuthError(400, "validation_failed", message)
    user["id"] = _id(given["id"]) if given["id"] else uuid.uuid4()
    try:
        users.create(connection, user)
    except psycopg.errors.UniqueViolation:
        raise AuthError(500, "unexpected_failure", "Database error creating new user") from None
    return _json(users.find(connection, user["id"]))


def _update(connection: Connection, user_id: uuid.UUID, given: dict[str, Any]) -> Response:
    user = _values(given) | {"id": user_id}
    try:
        users.update(connection, user)
    except psycopg.errors.UniqueViolation:
        raise AuthError(500, "unexpected_failure", "Error updating user") from None
    return _json(users.find(connection, user_id))


def _parse(body: bytes) -> dict[str, Any]:
    """Return the known fields of a body, null where absent, as Go's decoder would fill them."""
    try:
        given: Any = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise AuthError(400, "bad_json", "Could not parse request body as JSON")
    kinds = [(TEXTS, str), (FLAGS, bool), (OBJECTS, dict), (("should_soft_delete",), bool)]
    known = {name: (given.get(name), kind) for names, kind in kinds for name in names}
    for name, (value, kind) in known.items():
        if value is not None and not isinstance(value, kind):
            message = f"Could not parse request body as JSON: {name} has the wrong type"
            raise AuthError(400, "bad_json", message)
    return {name: value for name, (value, _) in known.items()}


def _values(given: dict[str, Any]) -> dict[str, Any]:
    """Return the values create and update share, checked and normalised."""
    confirmed = {
        f"{name}_verified": True for name in ("email", "phone") if given[f"{name}_confirm"]
    }
    return {
        "email": _email(given["email"]) if given["email"] else None,
        "phone": _phone(given["phone"]) if given["phone"] else None,
        "role": (given["role"] or "").strip() or None,
        "email_confirm": bool(given["email_confirm"]),
        "phone_confirm": bool(given["phone_confirm"]),
        "confirmed": json.dumps(confirmed),
        "app_metadata": json.dumps(given["app_metadata"] or {}),
        "user_metadata": json.dumps(given["user_metadata"] or {}),
        "ban": bool(given["ban_duration"]),
        "ban_seconds": _seconds(given["ban_duration"] or "none"),
    }


def _email(text: str) -> str:
    if len(text) > MAX_EMAIL or not EMAIL.fullmatch(text):
        message = "Unable to validate email address: invalid format"
        raise AuthError(400, "validation_failed", message)
    return text.lower()


def _phone(text: str) -> str:
    phone = text.removeprefix("+").replace(" ", "")
    if not PHONE.fullmatch(phone):
        raise AuthError(400, "validation_failed", "Invalid phone number format (E.164 required)")
    return phone


def _id(text: str) -> uuid.UUID:
    try:
        user_id = uuid.UUID(text)
    except ValueError:
        message = "ID must conform to the uuid v4 format"
        raise AuthError(400, "validation_failed", message) from None
    if user_id == NIL:
        raise AuthError(400, "validation_failed", "ID cannot be a nil uuid")
    return user_id


def _seconds(duration: str) -> float | None:
    """Return a Go duration in seconds, None for "none" and for no time at all."""
    if duration in {"none", "0"}:
        return None
    parts = list(DURATION.finditer(duration))
    if "".join(part[0] for part in parts) != duration:
        raise AuthError(400, "validation_failed", "invalid format for ban duration")
    return sum(float(part["number"]) * SECONDS[part["unit"]] for part in parts) or None


def _json(value: object, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(value).encode()
    return Response(200, body, {"Content-Type": "application/json", **(headers or {})})
