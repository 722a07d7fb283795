"""PostgREST's functions as the `supabase` client sees them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import Client

from tests.contract.launcher import until

pytestmark = pytest.mark.usefixtures("empty")


@pytest.fixture(name="empty")
def _empty(schema: None, database: psycopg.Connection) -> None:
    database.execute("truncate contract_documents, contract_chunks restart identity cascade")


def call(service: Client, name: str, given: dict[str, Any] | None = None, **how: Any) -> Any:
    return service.rpc(name, given or {}, **how).execute().data


def refusal_of(service: Client, name: str, given: dict[str, Any], **how: Any) -> APIError:
    with pytest.raises(APIError) as refusal:
        service.rpc(name, given, **how).execute()
    return refusal.value


def test_a_scalar_comes_back_bare(service: Client) -> None:
    assert call(service, "contract_add", {"a": 1, "b": 2}) == 3


def test_an_argument_with_a_default_may_be_left_out(service: Client) -> None:
    assert call(service, "contract_add", {"a": 1}) == 11


def test_a_function_can_be_called_by_get(service: Client) -> None:
    assert call(service, "contract_add", {"a": 4, "b": 2}, get=True) == 6


def test_a_set_of_scalars_is_a_list(service: Client) -> None:
    assert call(service, "contract_labels", {"prefix": "n'"}) == ["n'1", "n'2", "n'3"]


def test_a_table_is_a_list_of_objects_even_with_one_column_named_like_the_argument(
    service: Client,
) -> None:
    assert call(service, "contract_numbers", {"id": 2}) == [{"id": 1}, {"id": 2}]


def test_rows_of_a_function_can_be_filtered_ordered_and_limited(service: Client) -> None:
    query = service.rpc("contract_numbers", {"id": 9}).gt("id", 3).order("id", desc=True).limit(2)
    assert query.execute().data == [{"id": 9}, {"id": 8}]


def test_out_arguments_are_one_object(service: Client) -> None:
    assert call(service, "contract_pair", {"a": 5}) == {"low": 5, "high": 6}


def test_void_answers_nothing(service: Client) -> None:
    assert call(service, "contract_nothing") == []


@pytest.mark.parametrize("payload", [{"a": ["x'y", None, 1.5]}, [], [1], 'text \\ "q"', 0, None])
def test_json_passes_through_a_function_unchanged(service: Client, payload: Any) -> None:
    assert call(service, "contract_echo", {"payload": payload}) == payload


def test_one_unnamed_json_argument_takes_the_whole_body(service: Client) -> None:
    assert call(service, "contract_whole", {"items": [1, 2, 3]}) == 3


def test_the_names_of_the_arguments_choose_the_function(service: Client) -> None:
    assert call(service, "contract_overloaded", {"a": 1}) == "one"
    assert call(service, "contract_overloaded", {"a": 1, "b": 2}) == "two"


def test_a_list_of_numbers_is_a_vector(service: Client, database: psycopg.Connection) -> None:
    database.execute(
        "insert into contract_chunks (body, embedding) values"
        " ('p', '[1,0,0]'), ('q', '[0,1,0]'), ('r', '[0.1,1,0]')"
    )
    found = call(service, "contract_search", {"query": [0, 1, 0]})
    assert [row["body"] for row in found] == ["q", "r"]
    assert found[0]["similarity"] == pytest.approx(1)


def test_many_rows_are_stored_by_one_call(service: Client, database: psycopg.Connection) -> None:
    rows = [{"id": n, "title": f"t{n}", "meta": {"n": n}} for n in range(500)]
    assert call(service, "contract_store", {"rows": rows}) == 500
    stored = database.execute("select sum((meta ->> 'n')::int) from contract_documents").fetchone()
    assert stored == (124_750,)


@pytest.mark.parametrize("given", [{"a": 1, "nope": 2}, {}])
def test_a_call_no_function_fits_is_refused(service: Client, given: dict[str, int]) -> None:
    assert refusal_of(service, "contract_add", given).code == "PGRST202"


def test_a_function_that_raises_leaves_nothing_and_says_why(
    service: Client, database: psycopg.Connection
) -> None:
    refusal = refusal_of(service, "contract_fail", {"title": "never"})
    assert (refusal.code, refusal.message, refusal.details, refusal.hint) == (
        "P0001",
        "this is refused",
        "a detail",
        "a hint",
    )
    assert database.execute("select from contract_documents").fetchall() == []


def test_a_get_cannot_write(service: Client, database: psycopg.Connection) -> None:
    refusal = refusal_of(service, "contract_fail", {"title": "never"}, get=True)
    assert refusal.code == "25006"


def test_a_new_function_is_seen_and_a_changed_one_soon(
    service: Client, database: psycopg.Connection
) -> None:
    database.execute("drop function if exists contract_new(int), contract_new(int, int)")
    database.execute("create function contract_new(a int) returns int language sql as 'select 1'")
    until(lambda: call(service, "contract_new", {"a": 0}) == 1)
    database.execute("drop function contract_new(int)")
    database.execute(
        "create function contract_new(a int, b int) returns int language sql as 'select 2'"
    )
    until(lambda: call(service, "contract_new", {"a": 0, "b": 0}) == 2)
    database.execute("drop function contract_new(int, int)")
