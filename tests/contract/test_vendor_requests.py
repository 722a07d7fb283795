"""
Our calls are those of the vendors' packages: both are sent to one server, and what arrives is the
same; both are given one answer, and what is read from it is the same. An upgrade of a package that
changes the protocol shows here.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest
from postgrest import SyncPostgrestClient
from postgrest.exceptions import APIError
from supabase_auth import SyncGoTrueAdminAPI
from supabase_auth.errors import AuthApiError, AuthError, AuthRetryableError

from shared.errors import SyncError
from shared.search import embeddings
from shared.search.embeddings import Embedder
from shared.stores.supabase import Supabase
from tests.contract.recording import Server, recording

USER = "5a1f0c6e-0d5b-4b52-9a4e-0f6f5f4c2b11"
TEXT = 'रोगी "two"\n\\'


@pytest.fixture(name="server")
def _server() -> Generator[Server]:
    with recording() as server:
        yield server


@pytest.fixture(name="ours")
def _ours(server: Server) -> Generator[Supabase]:
    client = Supabase(server.url, "key")
    yield client
    client.close()


@dataclass
class Official:
    """Supabase's own clients, as they are made by its package."""

    data: SyncPostgrestClient
    users: SyncGoTrueAdminAPI


@pytest.fixture(name="theirs")
def _theirs(server: Server) -> Generator[Official]:
    headers = {"apikey": "key", "Authorization": "Bearer key"}
    with httpx.Client(trust_env=False) as http:
        yield Official(
            SyncPostgrestClient(
                f"{server.url}/rest/v1", headers=headers, http_client=http, retry_enabled=False
            ),
            SyncGoTrueAdminAPI(url=f"{server.url}/auth/v1", headers=headers, http_client=http),
        )


IDS = [
    [USER],
    [f"{n:08}-0000-4000-8000-000000000000" for n in range(100)],
    ["a,b", 'say "x"', "back\\slash", "(a):b.c", "", "null", "a b+c&d=e#f%2C/?", "रोगी", "*"],
]


@pytest.mark.parametrize("ids", IDS, ids=["one", "a batch", "odd ones"])
def test_rows_are_asked_for_in_the_same_way(
    server: Server, ours: Supabase, theirs: Official, ids: list[str]
) -> None:
    server.says(200, [])
    columns = "id,patient_id,structured_json"
    theirs.data.table("documents").select(columns).in_("id", ids).execute()
    ours.select("documents", columns, ids)
    expected, found = server.meanings()
    assert found == expected


@pytest.mark.parametrize(
    "arguments",
    [{}, {"p_ids": [USER], "p_rows": [{"text": TEXT, "score": 0.87, "none": None}], "p_yes": True}],
)
def test_functions_are_called_in_the_same_way(
    server: Server, ours: Supabase, theirs: Official, arguments: dict[str, Any]
) -> None:
    theirs.data.rpc("some_function", arguments).execute()
    ours.call("some_function", arguments)
    expected, found = server.meanings()
    assert found == expected


ATTRIBUTES = {"id": USER, "email": "a@example.com", "user_metadata": {"name": TEXT, "none": None}}
AUTH: list[tuple[Callable[[Any], Any], Callable[[Supabase], None]]] = [
    (lambda their: their.create_user(ATTRIBUTES), lambda our: our.create_user(ATTRIBUTES)),
    (
        lambda their: their.update_user_by_id(USER, ATTRIBUTES),
        lambda our: our.update_user(USER, ATTRIBUTES),
    ),
    (lambda their: their.delete_user(USER), lambda our: our.delete_user(USER)),
]


@pytest.mark.parametrize(("their", "our"), AUTH, ids=["create", "update", "delete"])
def test_users_are_written_in_the_same_way(
    server: Server,
    ours: Supabase,
    theirs: Official,
    their: Callable[[SyncGoTrueAdminAPI], Any],
    our: Callable[[Supabase], None],
) -> None:
    now = "2026-01-01T00:00:00Z"
    user = {"id": USER, "aud": "", "app_metadata": {}, "user_metadata": {}, "created_at": now}
    server.says(200, user)
    their(theirs.users)
    our(ours)
    expected, found = server.meanings()
    assert found == expected


BODIES: list[Any] = [
    {"code": "23505", "message": "m", "details": None, "hint": None},
    {"code": "PGRST202", "message": "m"},
    {"message": "without a code"},
    {"code": 409, "message": "a gateway's"},
    {},
    "<html>",
    "",
    "[",
]


@pytest.mark.parametrize("status", [400, 409, 500, 503])
@pytest.mark.parametrize("body", BODIES)
def test_a_refusal_of_the_data_api_is_read_in_the_same_way(
    server: Server, ours: Supabase, theirs: Official, body: Any, status: int
) -> None:
    server.says(status, body)
    with pytest.raises(APIError) as their:
        theirs.data.rpc("some_function", {}).execute()
    with pytest.raises(SyncError) as our:
        ours.call("some_function", {})
    assert our.value.code == f"supabase_{(their.value.code or 'unknown').lower()}"


VERSION = "X-Supabase-Api-Version"
REFUSALS: list[tuple[Any, dict[str, str]]] = [
    ({"code": "email_exists", "message": "m"}, {VERSION: "2024-01-01"}),
    ({"code": "email_exists", "message": "m"}, {VERSION: "2025-06-30"}),
    ({"code": "email_exists", "message": "m"}, {VERSION: "2023-12-31"}),
    ({"code": "email_exists", "message": "m"}, {}),
    ({"code": 422, "error_code": "phone_exists", "msg": "m"}, {}),
    ({"code": 422, "error_code": "phone_exists", "msg": "m"}, {VERSION: "2024-01-01"}),
    ({"code": "23505", "message": "m"}, {}),
    ({"msg": "m"}, {VERSION: "2024-01-01"}),
    ("<html>", {}),
]


@pytest.mark.parametrize("status", [400, 404, 429, 500, 502, 503, 504, *range(520, 526), 530])
@pytest.mark.parametrize(("body", "headers"), REFUSALS)
def test_a_refusal_of_the_auth_api_is_read_in_the_same_way(
    server: Server,
    ours: Supabase,
    theirs: Official,
    body: Any,
    headers: dict[str, str],
    status: int,
) -> None:
    server.says(status, body, headers)
    with pytest.raises(AuthError) as their:
        theirs.users.create_user({"email": "a@example.com"})
    with pytest.raises(SyncError) as our:
        ours.create_user({"email": "a@example.com"})
    assert our.value.code == _as_ours(their.value)


def _as_ours(error: AuthError) -> str:
    if isinstance(error, AuthRetryableError):
        return "supabase_unreachable"
    if isinstance(error, AuthApiError):
        return f"supabase_{error.code or 'unknown'}"
    return "supabase_auth_answer"


VECTORS = [[0.1, -2.5e-7, 3.0], [1.0, 0.0, -1.0]]


@pytest.mark.parametrize("as_base64", [True, False])
def test_embeddings_are_asked_for_and_read_in_the_same_way(
    server: Server, monkeypatch: pytest.MonkeyPatch, *, as_base64: bool
) -> None:
    packed = [base64.b64encode(struct.pack("<3f", *v)).decode() for v in VECTORS]
    shown: list[Any] = [*(packed if as_base64 else VECTORS)]
    data = [{"object": "embedding", "index": n, "embedding": e} for n, e in enumerate(shown)]
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    answer = {"object": "list", "model": "m", "data": data, "usage": usage}
    server.says(200, answer)
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1/")
    embedder = Embedder()
    found = embedder.embed(["one", TEXT])
    embedder.close()
    with openai.OpenAI(api_key="key", max_retries=0) as client:
        answered = client.embeddings.create(model=embedder.model, input=["one", TEXT])
    assert found == [item.embedding for item in answered.data]
    ours, theirs = server.meanings()
    assert ours == theirs


def test_the_provider_is_where_its_package_finds_it() -> None:
    with openai.OpenAI(api_key="key") as client:
        assert str(client.base_url).rstrip("/") == embeddings._OPENAI
