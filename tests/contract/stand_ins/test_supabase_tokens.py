"""Tokens the stand-in accepts beside the two keys. (A real project's secrets are its own.)"""

from __future__ import annotations

import time
from typing import Any

import jwt
import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase_auth.errors import AuthApiError

from tests.contract.launcher import FIREBASE_PROJECT, JWT_SECRET, Project

UID = "9fUbT0TqkzXm1cEXAMPLEuid0002"


@pytest.fixture(name="database", scope="module")
def _database(stand_in: Project) -> Any:
    with psycopg.connect(stand_in.dsn, autocommit=True) as connection:
        connection.execute(
            "drop table if exists token_rows; drop function if exists token_claims();"
            "create table token_rows (id int, owner text);"
            "alter table token_rows enable row level security;"
            "create policy own on token_rows for select to authenticated"
            " using (owner = (select auth.jwt() ->> 'sub'));"
            "insert into token_rows values (1, '9fUbT0TqkzXm1cEXAMPLEuid0002'), (2, 'other');"
            "create function token_claims() returns jsonb language sql stable"
            " as $$ select auth.jwt() || jsonb_build_object('acts_as', current_user) $$;"
            "create or replace function token_uid() returns uuid language sql stable"
            " as 'select auth.uid()'"
        )
        yield connection


_LIFE_S = 86_400  # tokens are made when tests are collected: they outlive a slow run


def signed(secret: str = JWT_SECRET, **claims: Any) -> str:
    given = {"sub": UID, "exp": time.time() + _LIFE_S, **claims}
    return jwt.encode(given, secret, algorithm="HS256")


def firebase(project: str = FIREBASE_PROJECT, **claims: Any) -> str:
    """Return an ID token as the Firebase Auth emulator issues them: without a signature."""
    given = {
        "iss": f"https://securetoken.google.com/{project}",
        "aud": project,
        "sub": UID,
        "exp": time.time() + _LIFE_S,
        **claims,
    }
    return jwt.encode(given, "", algorithm="none")


def rows_seen(project: Project, token: str) -> list[Any]:
    with project.client(project.anon_key, token) as client:
        return client.table("token_rows").select("id").execute().data


def claims_seen(project: Project, token: str) -> Any:
    with project.client(project.anon_key, token) as client:
        return client.rpc("token_claims").execute().data


def refusal_of(project: Project, token: str) -> str | None:
    with pytest.raises(APIError) as refusal:
        rows_seen(project, token)
    return refusal.value.code


pytestmark = pytest.mark.usefixtures("database")


def test_a_signed_token_acts_as_its_role_with_its_claims(stand_in: Project) -> None:
    token = signed(role="authenticated", app_metadata={"role": "doctor"})
    assert rows_seen(stand_in, token) == [{"id": 1}]
    claims = claims_seen(stand_in, token)
    assert (claims["acts_as"], claims["app_metadata"]) == ("authenticated", {"role": "doctor"})


def test_a_firebase_token_with_the_role_claim_is_authenticated(stand_in: Project) -> None:
    token = firebase(role="authenticated")
    assert rows_seen(stand_in, token) == [{"id": 1}]
    assert claims_seen(stand_in, token)["sub"] == UID


@pytest.mark.parametrize("token", [signed(), firebase()])
def test_a_token_without_a_role_is_anon(stand_in: Project, token: str) -> None:
    assert claims_seen(stand_in, token)["acts_as"] == "anon"
    assert rows_seen(stand_in, token) == []


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (signed(role="authenticated", exp=time.time() - 60), "PGRST303"),
        (signed(role="authenticated", nbf=time.time() + _LIFE_S), "PGRST303"),
        (firebase(role="authenticated", exp=time.time() - 60), "PGRST303"),
        (firebase(project="another-project", role="authenticated"), "PGRST303"),
        (firebase(aud="another-project", role="authenticated"), "PGRST303"),
        (firebase(role="authenticated") + "c2lnbmF0dXJl", "PGRST301"),
        (signed(secret="x" * 32, role="service_role"), "PGRST301"),
        (jwt.encode({"role": "service_role"}, "", algorithm="none"), "PGRST301"),
        ("not.a.token", "PGRST301"),
        (signed(role="no_such_role"), "22023"),
        (signed(role="postgres"), "42501"),
    ],
)
def test_a_token_that_cannot_be_trusted_is_refused(
    stand_in: Project, token: str, code: str
) -> None:
    assert refusal_of(stand_in, token) == code


def test_the_uid_function_raises_for_a_firebase_user(stand_in: Project) -> None:
    token = firebase(role="authenticated")
    with stand_in.client(stand_in.anon_key, token) as client, pytest.raises(APIError) as refusal:
        client.rpc("token_uid").execute()
    assert refusal.value.code == "22P02"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (signed(role="service_role"), None),
        (signed(role="authenticated"), "not_admin"),
        (signed(secret="x" * 32, role="service_role"), "bad_jwt"),
    ],
)
def test_users_are_administered_by_the_service_role_only(
    stand_in: Project, token: str, code: str | None
) -> None:
    refused = None
    with stand_in.client(stand_in.anon_key, token) as client:
        try:
            client.auth.admin.list_users()
        except AuthApiError as refusal:
            refused = refusal.code
    assert refused == code
