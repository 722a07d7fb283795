"""PostgREST's tables as the `supabase` client writes them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from supabase import Client

from tests.contract.stand_ins.rest_queries import Query, code_of, count, ids

pytestmark = pytest.mark.usefixtures("rows")


def test_an_insert_answers_its_row_with_defaults_filled_in(table: Any) -> None:
    row = table().insert({"id": 9, "title": "new", "meta": {"a": [1, None]}}).execute().data[0]
    assert row == {
        "id": 9,
        "owner": "nobody",
        "title": "new",
        "size": 7,
        "tags": None,
        "meta": {"a": [1, None]},
        "deleted_at": None,
    }


def test_a_list_gets_null_for_absent_keys_unless_defaults_are_asked_for(table: Any) -> None:
    rows = [{"id": 10, "title": "t", "size": 1}, {"id": 11, "title": "u"}]
    assert [row["size"] for row in table().insert(rows).execute().data] == [1, None]
    rows = [{"id": 12, "title": "v", "size": 1}, {"id": 13, "title": "w"}]
    answer = table().insert(rows, default_to_null=False).execute().data
    assert [row["size"] for row in answer] == [1, 7]


def test_text_of_any_kind_comes_back_as_it_went_in(table: Any, database: Any) -> None:
    title = "O'Brien \\ \"quoted\" \n tab\t 日本 🙂 '; drop table contract_documents; --"
    table().insert({"id": 20, "title": title, "meta": {"t": title}}).execute()
    row = table().select("id,meta->>t").eq("title", title).single().execute().data
    assert row == {"id": 20, "t": title}
    assert count(database) == 4


def test_a_list_with_one_bad_row_inserts_nothing(table: Any, database: Any) -> None:
    assert code_of(table().insert([{"id": 30, "title": "x"}, {"id": 31, "title": None}])) == "23502"
    assert count(database, "id >= 30") == 0


def test_minimal_writes_without_answering_rows(table: Any, database: Any) -> None:
    assert table().insert({"id": 40, "title": "m"}, returning="minimal").execute().data == []
    assert count(database, "id = 40") == 1


def test_an_upsert_changes_only_the_columns_sent(table: Any) -> None:
    table().upsert([{"id": 1, "title": "A"}, {"id": 5, "title": "E"}]).execute()
    rows = table().select("id,title,tags").in_("id", [1, 5]).order("id").execute().data
    assert rows == [
        {"id": 1, "title": "A", "tags": ["x", "y"]},
        {"id": 5, "title": "E", "tags": None},
    ]


def test_an_upsert_on_another_unique_key_rewrites_the_primary_key(table: Any) -> None:
    row = {"id": 77, "owner": "nobody", "title": "alpha"}
    assert ids(table().upsert(row, on_conflict="owner,title")) == [77]
    assert ids(table().select("id").order("id")) == [2, 3, 77]


def test_an_upsert_may_leave_what_is_there_alone(table: Any, database: Any) -> None:
    rows = [{"id": 1, "title": "Z"}, {"id": 6, "title": "F"}]
    assert ids(table().upsert(rows, ignore_duplicates=True)) == [6]
    assert count(database, "title = 'Z'") == 0


def test_the_same_key_twice_in_one_upsert_is_refused(table: Any) -> None:
    rows = [{"id": 50, "title": "a"}, {"id": 50, "title": "b"}]
    assert code_of(table().upsert(rows)) == "21000"


def test_an_update_can_be_guarded(table: Any) -> None:
    assert table().update({"title": "x"}).eq("id", 1).gt("size", 5).execute().data == []
    row = table().update({"title": "x", "tags": ["n"]}).eq("id", 1).execute().data[0]
    assert (row["title"], row["tags"], row["size"]) == ("x", ["n"], 1)


def test_a_delete_answers_what_it_deleted(table: Any, database: Any) -> None:
    assert sorted(ids(table().delete().in_("id", [2, 3, 99]))) == [2, 3]
    assert count(database) == 1


def test_a_change_of_all_rows_is_refused(table: Any, database: Any) -> None:
    assert code_of(table().delete()) == "21000"
    assert code_of(table().update({"owner": "me"})) == "21000"
    assert count(database, "owner = 'nobody'") == 3


def test_a_change_that_must_touch_one_row_touches_none_if_it_would_touch_more(
    table: Any, database: Any
) -> None:
    query = table().update({"owner": "me"}).gt("id", 0)
    query.request.headers["Accept"] = "application/vnd.pgrst.object+json"
    assert code_of(query) == "PGRST116"
    assert count(database, "owner = 'me'") == 0


def test_a_change_may_be_limited_to_a_number_of_rows(table: Any, database: Any) -> None:
    query = table().delete().gt("id", 0).max_affected(2)
    assert code_of(query) == "PGRST124"
    assert count(database) == 3
    assert len(table().delete().gt("id", 1).max_affected(2).execute().data) == 2


REFUSALS: list[tuple[Query, str]] = [
    (lambda t: t.insert({"id": 1, "title": "again"}), "23505"),
    (lambda t: t.insert({"id": 90}), "23502"),
    (lambda t: t.insert({"id": 90, "title": "x", "nope": 1}), "PGRST204"),
    (lambda t: t.update({"nope": 1}).eq("id", 1), "PGRST204"),
    (lambda t: t.select("nope"), "42703"),
    (lambda t: t.select("*").eq("id", "x"), "22P02"),
    (lambda t: t.select("*").eq("id", 404).single(), "PGRST116"),
    (lambda t: t.select("*").single(), "PGRST116"),
    (lambda t: t.select("*").order("nope"), "42703"),
    (lambda t: t.select("id", count="exact").range(50, 60), "PGRST103"),
]


@pytest.mark.parametrize(("query", "code"), REFUSALS)
def test_a_refusal_has_its_code(table: Any, query: Query, code: str) -> None:
    assert code_of(query(table())) == code


def test_a_missing_parent_is_refused(service: Client) -> None:
    assert code_of(service.table("contract_chunks").insert({"document_id": 99})) == "23503"


def test_an_unknown_table_and_a_hidden_schema_are_told_apart(service: Client) -> None:
    assert code_of(service.table("contract_nowhere").select("*")) == "PGRST205"
    assert code_of(service.schema("auth").table("users").select("*")) == "PGRST106"
