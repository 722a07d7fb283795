"""PostgREST's tables as the `supabase` client sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, LiteralString

import httpx
import psycopg
import pytest
from postgrest import CountMethod
from postgrest.exceptions import APIError
from psycopg import sql
from supabase import Client

from tests.contract.launcher import Project

pytestmark = pytest.mark.usefixtures("rows")
Query = Callable[[Any], Any]


@pytest.fixture(name="rows")
def _rows(schema: None, database: psycopg.Connection) -> None:
    """Three documents; 1 has tags and meta, 2 has a comma and quotes in its title."""
    database.execute("truncate contract_documents, contract_chunks restart identity cascade")
    database.execute(
        "insert into contract_documents (id, title, size, tags, meta, deleted_at) values"
        " (1, 'alpha', 1, '{x,y}', '{\"k\": {\"n\": 5}}', null),"
        " (2, 'b,\"c\" (d)', 2, '{y}', null, null),"
        " (3, 'gamma', 3, null, '{\"k\": {\"n\": 6}}', '2026-01-02T03:04:05Z')"
    )


@pytest.fixture(name="table")
def _table(service: Client) -> Callable[[], Any]:
    return lambda: service.table("contract_documents")


def code_of(query: Any) -> str | None:
    with pytest.raises(APIError) as refusal:
        query.execute()
    return refusal.value.code


def ids(query: Any) -> list[int]:
    return [row["id"] for row in query.execute().data]


def count(database: psycopg.Connection, condition: LiteralString = "true") -> int:
    query = sql.SQL("select count(*) from contract_documents where {}").format(sql.SQL(condition))
    row = database.execute(query).fetchone()
    assert row is not None
    return row[0]


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


def test_maybe_single_answers_none_or_the_row(table: Any) -> None:
    assert table().select("id").eq("id", 404).maybe_single().execute() is None
    assert table().select("id").eq("id", 1).maybe_single().execute().data == {"id": 1}


FILTERS: list[tuple[Query, list[int]]] = [
    (lambda q: q.eq("title", "alpha"), [1]),
    (lambda q: q.neq("id", 2), [1, 3]),
    (lambda q: q.gt("size", 1).lte("size", 2), [2]),
    (lambda q: q.in_("title", ['b,"c" (d)', "gamma"]), [2, 3]),
    (lambda q: q.in_("id", [1, 3]), [1, 3]),
    (lambda q: q.in_("id", []), []),
    (lambda q: q.is_("deleted_at", "null"), [1, 2]),
    (lambda q: q.not_.is_("deleted_at", "null"), [3]),
    (lambda q: q.not_.in_("id", [1, 2]), [3]),
    (lambda q: q.like("title", "%amm%"), [3]),
    (lambda q: q.ilike("title", "ALPH%"), [1]),
    (lambda q: q.contains("tags", ["y"]), [1, 2]),
    (lambda q: q.contained_by("tags", ["y", "z"]), [2]),
    (lambda q: q.overlaps("tags", ["x", "z"]), [1]),
    (lambda q: q.contains("meta", {"k": {"n": 6}}), [3]),
    (lambda q: q.eq("meta->k->>n", "5"), [1]),
    (lambda q: q.eq("meta->k->n", 6), [3]),
    (lambda q: q.lt("deleted_at", "2026-02-01T00:00:00+05:30"), [3]),
    (lambda q: q.or_('title.eq."b,\\"c\\" (d)",id.eq.3'), [2, 3]),
    (lambda q: q.or_("id.eq.1,and(size.gt.1,id.not.eq.2)"), [1, 3]),
    (lambda q: q.or_("id.eq.1,not.or(size.lt.3,owner.eq.me)"), [1, 3]),
    (lambda q: q.or_("title.gt.alpha,and(title.eq.alpha,id.gt.0)").gt("id", 1), [2, 3]),
]


@pytest.mark.parametrize(("query", "found"), FILTERS)
def test_a_filter_finds_its_rows(table: Any, query: Query, found: list[int]) -> None:
    assert ids(query(table().select("id")).order("id")) == found


def test_an_unreadable_filter_is_refused(table: Any) -> None:
    assert code_of(table().select("id").filter("id", "nonsense", "1")) == "PGRST100"


def test_columns_can_be_renamed_cast_and_reached_into(table: Any) -> None:
    query = table().select("label:title,id::text,n:meta->k->n").eq("id", 1).single()
    assert query.execute().data == {"label": "alpha", "id": "1", "n": 5}


def test_pages_by_key_and_by_range_cover_all_rows_in_order(table: Any, database: Any) -> None:
    database.execute(
        "insert into contract_documents (id, title)"
        " select n, 'page ' || n from generate_series(100, 124) n"
    )
    seen: list[int] = []
    while page := ids(table().select("id").gt("id", max([99, *seen])).order("id").limit(10)):
        seen += page
    assert seen == list(range(100, 125))
    last = table().select("id").gte("id", 100).order("id", desc=True).range(20, 29)
    assert ids(last) == [104, 103, 102, 101, 100]


def test_nulls_can_be_put_last(table: Any) -> None:
    assert ids(table().select("id").order("deleted_at", nullsfirst=False).order("id")) == [3, 1, 2]


def test_a_count_comes_with_a_page_and_alone(table: Any) -> None:
    page = table().select("id", count=CountMethod.exact).gte("id", 2).order("id").limit(1).execute()
    assert (page.count, page.data) == (2, [{"id": 2}])
    alone = table().select("*", count=CountMethod.exact, head=True).execute()
    assert (alone.count, alone.data) == (3, [])


STATUSES: list[tuple[str, str, dict[str, str], Any, int, str | None]] = [
    ("GET", "?id=gt.1", {}, None, 200, "0-1/*"),
    ("GET", "?id=gt.9", {}, None, 200, "*/*"),
    ("GET", "?limit=2&offset=1", {"Prefer": "count=exact"}, None, 206, "1-2/3"),
    ("HEAD", "", {"Prefer": "count=exact"}, None, 200, "0-2/3"),
    ("POST", "", {"Prefer": "return=minimal"}, {"id": 9, "title": "n"}, 201, None),
    ("PATCH", "?id=eq.1", {}, {"size": 9}, 204, "0-0/*"),
    ("PATCH", "?id=eq.1", {"Prefer": "return=representation"}, {"size": 9}, 200, "0-0/*"),
    ("DELETE", "?id=eq.1", {}, None, 204, "*/*"),
    ("GET", "?nope=eq.1", {}, None, 400, None),
    ("GET", "?id=eq.404", {"Accept": "application/vnd.pgrst.object+json"}, None, 406, None),
    ("POST", "", {}, {"id": 1, "title": "again"}, 409, None),
]


@pytest.mark.parametrize(("method", "query", "headers", "body", "status", "extent"), STATUSES)
def test_a_status_and_a_range_tell_what_came_of_a_request(
    project: Project,
    method: str,
    query: str,
    headers: dict[str, str],
    body: Any,
    status: int,
    extent: str | None,
) -> None:
    key = project.service_key
    answer = httpx.request(
        method,
        f"{project.url}/rest/v1/contract_documents{query}",
        headers={"apikey": key, "Authorization": f"Bearer {key}", **headers},
        json=body,
        trust_env=False,
    )
    assert answer.status_code == status
    assert extent is None or answer.headers["content-range"] == extent


def test_a_read_is_cut_at_a_thousand_rows_without_a_word(table: Any, database: Any) -> None:
    database.execute(
        "insert into contract_documents (id, title)"
        " select n, 'row ' || n from generate_series(1001, 2500) n"
    )
    assert len(table().select("id").execute().data) == 1000
    assert len(table().select("id").limit(1400).execute().data) == 1000
    assert table().select("id", count=CountMethod.exact).execute().count == 1503


def test_a_vector_goes_in_as_list_or_text_and_comes_out_as_text(service: Client) -> None:
    chunks = service.table("contract_chunks")
    rows: Any = [
        {"document_id": 1, "body": "p", "embedding": [1, 0, 0.5]},
        {"document_id": 1, "body": "q", "embedding": "[0,1,0]"},
    ]
    answer: Any = chunks.insert(rows).execute().data
    assert [row["embedding"] for row in answer] == ["[1,0,0.5]", "[0,1,0]"]


def test_a_vector_of_the_wrong_size_is_refused(service: Client) -> None:
    row: Any = {"document_id": 1, "embedding": [1, 2]}
    assert code_of(service.table("contract_chunks").insert(row)) == "22000"
