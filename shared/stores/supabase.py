"""
Supabase over HTTP: one client per process, and the translation of its errors.

The data API's and the auth admin API's clients are made without the package around them, which
imports realtime, Storage and Functions as well: time at every start and 13 MB for nothing.

HTTP/1.1 on purpose: with HTTP/2 and threads, requests fail when the server turns its connection
over. The client's own retries are off: Pub/Sub redelivers, nobody else retries.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import httpx
from postgrest import SyncPostgrestClient
from postgrest.exceptions import APIError

from shared import settings
from shared.erasure.tombstones import ERASED
from shared.errors import (
    ContendedError,
    PermanentError,
    SyncError,
    TransientError,
    unreadable,
)
from shared.observability import tracing

if TYPE_CHECKING:
    from collections.abc import Generator

    from supabase_auth import SyncGoTrueAdminAPI

_TIMEOUT_S = 20.0


class Supabase:
    """Calls functions and tables of the data API, and the auth admin API."""

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        self._url = (url or settings.required("SUPABASE_URL")).rstrip("/")
        key = key or settings.required("SUPABASE_SERVICE_KEY")
        self._headers = {"apikey": key, "Authorization": f"Bearer {key}"}
        self._http = httpx.Client(http2=False, timeout=_TIMEOUT_S)
        self._data = SyncPostgrestClient(
            f"{self._url}/rest/v1",
            headers=self._headers,
            http_client=self._http,
            retry_enabled=False,
        )

    @cached_property
    def _users(self) -> SyncGoTrueAdminAPI:
        """The auth admin API: few functions need it."""
        from supabase_auth import SyncGoTrueAdminAPI

        return SyncGoTrueAdminAPI(
            url=f"{self._url}/auth/v1", headers=self._headers, http_client=self._http
        )

    def call(self, function: str, arguments: dict[str, Any]) -> Any:
        """Call a database function and return its JSON."""
        with translated("supabase", "call", function):
            return self._data.rpc(function, arguments).execute().data

    def select(self, table: str, columns: str, ids: list[str]) -> list[dict[str, Any]]:
        """Return the rows of a table whose `id` is among the given ones."""
        with translated("supabase", "SELECT", table):
            rows: Any = self._data.table(table).select(columns).in_("id", ids).execute().data
            if isinstance(rows, str):
                json.loads(rows)  # the client hides why it could not read the answer: raise that
        return cast("list[dict[str, Any]]", rows)

    def create_user(self, attributes: dict[str, Any]) -> None:
        """Create an auth user under the id in `attributes`."""
        with translated("supabase_auth", "create_user"), _of_auth():
            self._users.create_user(cast("Any", attributes))

    def update_user(self, user_id: str, attributes: dict[str, Any]) -> None:
        """Change an auth user; metadata is merged, a null deletes a key."""
        with translated("supabase_auth", "update_user"), _of_auth():
            self._users.update_user_by_id(user_id, cast("Any", attributes))

    def delete_user(self, user_id: str) -> None:
        """Delete an auth user, for good."""
        with translated("supabase_auth", "delete_user"), _of_auth():
            self._users.delete_user(user_id)


@contextmanager
def translated(peer: str, operation: str, target: str = "") -> Generator[None]:
    """Turn the client's errors into ours. Their messages and details hold row values."""
    with tracing.call(peer, operation, target), _ours():
        yield


@contextmanager
def _ours() -> Generator[None]:
    try:
        yield
    except APIError as error:
        raise _rest_error(str(error.code or "")) from None
    except httpx.HTTPError:
        raise TransientError("supabase_unreachable") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError):
            raise TransientError("supabase_answer_broken") from None
        if not unreadable(error):
            raise
        raise PermanentError("supabase_value_unreadable") from None


@contextmanager
def _of_auth() -> Generator[None]:
    from supabase_auth.errors import AuthApiError, AuthError, AuthRetryableError

    try:
        yield
    except AuthRetryableError:
        raise TransientError("supabase_unreachable") from None
    except AuthApiError as error:
        raise _auth_error(error.status, str(error.code or "unknown")) from None
    except AuthError:
        raise TransientError("supabase_auth_answer") from None


def _rest_error(code: str) -> SyncError:
    """
    Sort PostgREST's errors by SQLSTATE, not by HTTP status: a serialization failure is a 500 and
    so is a batch with a duplicate key. A body that is not JSON leaves the status as the code.
    """
    if code == ERASED:
        return PermanentError("patient_erased")
    name = f"supabase_{code.lower() or 'unknown'}"
    if code[:2] in {"21", "22", "23"} and len(code) == 5:
        return PermanentError(name)
    # Contention, a server away or full, rights, schema, gateway: not the entity's fault.
    return TransientError(name)


def _auth_error(status: int, code: str) -> SyncError:
    name = f"supabase_{code}"
    if code in {"email_exists", "phone_exists"} or (status, code) == (500, "unexpected_failure"):
        return ContendedError(name)  # taken since it was looked up: GoTrue's words for a lost race
    if status == 429 or status >= 500 or status in {401, 403, 408}:
        return TransientError(name)
    return PermanentError(name)
