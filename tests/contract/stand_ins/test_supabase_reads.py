"""PostgREST's tables as the `supabase` client reads them: filters, pages, counts, vectors."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from postgrest import CountMethod
from supabase import Client

from tests.contract.launcher import Project
from tests.contract.stand_ins.rest_queries import Query, code_of, ids

pytestmark = pytest.mark.usefixtures("rows")


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
