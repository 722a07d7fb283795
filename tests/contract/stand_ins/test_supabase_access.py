"""Who may do what through the API: keys, roles, row level security."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import Client

from tests.contract.launcher import Project

pytestmark = pytest.mark.usefixtures("rows")


@pytest.fixture(name="rows")
def _rows(schema: None, database: psycopg.Connection) -> None:
    database.execute("truncate contract_private")
    database.execute("insert into contract_private values (1, 'anon'), (2, 'somebody')")


def code_of(query: Any) -> str | None:
    with pytest.raises(APIError) as refusal:
        query.execute()
    return refusal.value.code


def test_row_level_security_hides_rows_from_anon_and_not_from_the_service(
    service: Client, anon: Client
) -> None:
    assert anon.table("contract_private").select("id").execute().data == [{"id": 1}]
    assert len(service.table("contract_private").select("id").execute().data) == 2


def test_anon_cannot_write_a_row_it_could_not_see(anon: Client) -> None:
    assert code_of(anon.table("contract_private").insert({"id": 3, "owner": "somebody"})) == "42501"
    answer = anon.table("contract_private").insert({"id": 4, "owner": "anon"}).execute()
    assert answer.data == [{"id": 4, "owner": "anon"}]


def test_anon_changes_only_what_it_sees(anon: Client, service: Client) -> None:
    assert len(anon.table("contract_private").delete().gt("id", 0).execute().data) == 1
    assert service.table("contract_private").select("id").execute().data == [{"id": 2}]


def test_a_revoked_table_is_refused_to_anon(anon: Client, database: psycopg.Connection) -> None:
    database.execute("revoke select on contract_private from anon")
    try:
        assert code_of(anon.table("contract_private").select("id")) == "42501"
    finally:
        database.execute("grant select on contract_private to anon")


def test_the_claims_name_the_role_of_the_key(service: Client, anon: Client) -> None:
    claims: list[Any] = [c.rpc("contract_claims").execute().data for c in (service, anon)]
    assert [claim["role"] for claim in claims] == ["service_role", "anon"]


def test_one_request_does_not_leak_its_role_into_the_next(service: Client, anon: Client) -> None:
    for _ in range(20):
        assert len(service.table("contract_private").select("id").execute().data) == 2
        assert len(anon.table("contract_private").select("id").execute().data) == 1


def test_an_unknown_key_is_refused_by_the_gateway(project: Project) -> None:
    with project.client("no-such-key") as client, pytest.raises(APIError) as refusal:
        client.table("contract_private").select("*").execute()
    assert (refusal.value.code, refusal.value.message) == (None, "Invalid API key")
