"""
Supabase over HTTP: the data API, the auth admin API, and the translation of their errors.

Not through Supabase's packages: importing the parts we need takes 0.13 s and 22 MB of a cold start,
and building one GET half of a step's processor time. What is sent is what they send; a contract
test sends both to one server and compares (docs/decisions/0120).
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from shared import settings
from shared.erasure.tombstones import ERASED
from shared.errors import ContendedError, PermanentError, SyncError, TooMuchError, TransientError
from shared.json_http import Answer, JsonHttp
from shared.observability import tracing

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

_TIMEOUT_S = 20.0
_DATA = {"Accept-Profile": "public", "Content-Profile": "public"}
_VERSION = "X-Supabase-Api-Version"
_CODES_SINCE = "2024-01-01"  # of the auth API: since then a refusal's code stands in `code`
_RESERVED = re.compile(r'[,:()"\\]')  # in a value of a list, to PostgREST
_TOO_MUCH = frozenset({"57014", "413"})  # a statement ran out of its 8 s; a body is too large
_WORD = re.compile(r"[A-Za-z0-9_]{1,50}")
_UNKNOWN = "unknown"
# A gateway's words for a server that is away; those above 511 are Cloudflare's own.
_AWAY = frozenset({502, 503, 504, 520, 521, 522, 523, 524, 530})


class Supabase:
    """Calls functions and tables of the data API, and the auth admin API."""

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        url = (url or settings.required("SUPABASE_URL")).rstrip("/")
        key = key or settings.key("SUPABASE_SERVICE_KEY")
        headers = {"apikey": key, "Authorization": f"Bearer {key}"}
        self._http = JsonHttp("supabase", url, headers, _TIMEOUT_S)

    def call(self, function: str, arguments: Mapping[str, Any]) -> Any:
        """Call a database function and return its JSON, None if it returns nothing."""
        with tracing.call("supabase", "call", function):
            return self._data("POST", f"rpc/{function}", arguments)

    def select(self, table: str, columns: str, ids: list[str]) -> list[dict[str, Any]]:
        """Return the rows of a table whose `id` is among the given ones."""
        among = quote(",".join(map(_listed, ids)), safe=",")
        with tracing.call("supabase", "SELECT", table):
            return self._data("GET", f"{table}?select={columns}&id=in.({among})")

    def create_user(self, attributes: Mapping[str, Any]) -> None:
        """Create an auth user under the id in `attributes`."""
        self._auth("create_user", "POST", "users", attributes)

    def update_user(self, user_id: str, attributes: Mapping[str, Any]) -> None:
        """Change an auth user; metadata is merged, a null deletes a key."""
        self._auth("update_user", "PUT", f"users/{quote(user_id, safe='')}", attributes)

    def delete_user(self, user_id: str) -> None:
        """Delete an auth user, for good."""
        path = f"users/{quote(user_id, safe='')}"
        self._auth("delete_user", "DELETE", path, {"should_soft_delete": False})

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _data(self, method: str, path: str, body: Any = None) -> Any:
        headers = _DATA if body is None else {**_DATA, "Content-Type": "application/json"}
        with _readable():
            answer = self._http.send(method, f"/rest/v1/{path}", body, headers)
            if not answer.ok:
                raise _data_error(answer)
            return None if answer.status == 204 else answer.json()

    def _auth(self, operation: str, method: str, path: str, body: Any) -> None:
        headers = {"Content-Type": "application/json;charset=UTF-8", _VERSION: _CODES_SINCE}
        with tracing.call("supabase_auth", operation), _readable():
            answer = self._http.send(method, f"/auth/v1/admin/{path}", body, headers)
            if not answer.ok:
                raise _auth_error(answer)
            if answer.said() is None:
                raise TransientError("supabase_auth_answer")


def _listed(value: str) -> str:
    """Return a value as an item of PostgREST's `in` list."""
    if not _RESERVED.search(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@contextmanager
def _readable() -> Generator[None]:
    """
    Tell an answer that was cut short, which is complete the next time, from a value that Python
    gives up on: a number of more than 4,300 digits, nesting beyond the stack, half a character.
    """
    try:
        yield
    except (JSONDecodeError, UnicodeDecodeError):
        raise TransientError("supabase_answer_broken") from None
    except (ValueError, RecursionError):
        raise PermanentError("supabase_value_unreadable") from None


def _data_error(answer: Answer) -> SyncError:
    """
    Sort PostgREST's refusals by SQLSTATE, not by HTTP status: a serialization failure is a 500 and
    so is a batch with a duplicate key. A body that is none of PostgREST's leaves the status.
    """
    said = answer.said()
    code = str(answer.status)
    if said is not None and isinstance(given := said.get("code"), str | None):
        code = _code(given)
    if code == ERASED:
        return PermanentError("patient_erased")
    name = f"supabase_{code.lower()}"
    if code[:2] in {"21", "22", "23"} and len(code) == 5:
        return PermanentError(name)
    if code in _TOO_MUCH:
        return TooMuchError(name)
    # Contention, a server away or full, rights, schema, gateway: not the entity's fault.
    return TransientError(name)


def _auth_error(answer: Answer) -> SyncError:
    said, status = answer.said(), answer.status
    if status in _AWAY:
        return TransientError("supabase_unreachable")
    if said is None:
        return TransientError("supabase_auth_answer")
    # In the older form `code` is a number or a SQLSTATE, and the code has a key of its own.
    newer = answer.headers.get(_VERSION, "") >= _CODES_SINCE and isinstance(said.get("code"), str)
    code = _code(said.get("code" if newer else "error_code")).lower()
    name = f"supabase_{code}"
    if code in {"email_exists", "phone_exists"} or (status, code) == (500, "unexpected_failure"):
        return ContendedError(name)  # taken since it was looked up: GoTrue's words for a lost race
    # What has no code of GoTrue's is a gateway's word: of a wrong address, or of a project that is
    # restricted for its quota (402). Neither is the user's fault.
    if code == _UNKNOWN or status >= 500 or status in {401, 402, 403, 408, 429}:
        return TransientError(name)
    return PermanentError(name)


def _code(given: object) -> str:
    """Return a code as given. Anything but a word could hold a row's value: it is not known."""
    return given if isinstance(given, str) and _WORD.fullmatch(given) else _UNKNOWN
