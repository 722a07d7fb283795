"""
What Google's client writes we read as it does, and the reverse: every kind of value, and names of
fields and documents of every awkward character that Firestore takes.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.cloud.firestore import Client as GoogleClient
from google.cloud.firestore import DocumentReference, GeoPoint
from google.cloud.firestore_v1.field_path import FieldPath
from google.cloud.firestore_v1.vector import Vector

from shared.repair.projected_documents import pages
from shared.stores.firestore import REMOVED, Firestore, Write
from shared.stores.firestore_values import Kept, microseconds
from tests.contract.firebase.conftest import PROJECT

INDIA = timezone(timedelta(hours=5, minutes=30))
ROOT = f"projects/{PROJECT}/databases/(default)/documents"


class Word(StrEnum):
    YES = "yes"


class Number(IntEnum):
    ONE = 1


@pytest.fixture(name="google")
def _google(firestore: Firestore) -> Generator[GoogleClient]:
    """Google's client, beside ours on the same emulator."""
    del firestore
    client = GoogleClient(project=PROJECT)
    yield client
    client.close()


PLAIN: dict[str, Any] = {
    "nothing": None,
    "truths": [True, False],
    "small": [0, 1, -1],
    "large": [2**63 - 1, -(2**63), 2**53 + 1],
    "doubles": [0.0, 1.0, 0.1, -2.5e-7, 1e308, 5e-324, 2.0**53, 1e22],
    "no numbers": [math.nan, math.inf, -math.inf],
    "text": ["", "रोगी 😀", '"\\\n\t\x00\x7f\u2028', "x" * 5000, "2026-01-01T00:00:00Z", "NaN"],
    "bytes": [b"", b"\x00\xff\xfe?>"],
    "times": [
        datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
        datetime(2026, 1, 2, tzinfo=INDIA),
        datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
        DatetimeWithNanoseconds(2026, 1, 2, nanosecond=123456789, tzinfo=UTC),
    ],
    "a time without a zone": datetime(2026, 1, 2, 3),  # noqa: DTZ001 - that is what it is about
    "lists": [{"empty": [], "of maps": [{"a": [1]}, {}]}],
    "maps": {"empty": {}, "a.b": {"`": 1}, "_x": {"__y": 2}, "रोगी": None},
    "deep": {"a": {"b": {"c": {"d": {"e": {"f": [{"g": {"h": ["i"]}}]}}}}}},
    "enumerations": [Word.YES, Number.ONE],
    "a tuple": (1, "two"),
}


def told(value: Any) -> Any:
    """Return what tells a value from every other: 1 from 1.0 and from True."""
    if isinstance(value, dict):
        return {name: told(item) for name, item in value.items()}
    if isinstance(value, list):
        return [told(item) for item in value]
    if isinstance(value, datetime):
        return (value.utcoffset(), value.replace(tzinfo=None).isoformat())
    return (type(value), repr(value))


@pytest.mark.parametrize("kind", PLAIN)
def test_what_google_writes_we_read_as_it_does_and_what_we_write_it_reads_so(
    firestore: Firestore, google: GoogleClient, kind: str
) -> None:
    fields = {"v": PLAIN[kind], "in": {"m": PLAIN[kind]}}
    google.document("c/theirs").set(fields)
    firestore.commit([Write("c/ours", fields)])
    read = firestore.read(["c/ours", "c/theirs"])
    known = told(google.document("c/theirs").get().to_dict())
    assert told(read["c/theirs"].data) == known
    assert told(read["c/ours"].data) == known
    assert told(google.document("c/ours").get().to_dict()) == known
    listed = firestore.page("c", None, 9, ["v", "in"])
    assert [told(found.data) for _, found in listed] == [known, known]


def test_what_python_has_no_word_for_is_kept_and_goes_back_as_it_came(
    firestore: Firestore, google: GoogleClient
) -> None:
    fields = {
        "reference": google.document("c x/ü.`y"),
        "place": [GeoPoint(19.07, 72.87), GeoPoint(0, 0)],
        "vector": {"v": Vector([1.0, -0.5])},
    }
    google.document("c/theirs").set(fields)
    data = firestore.read(["c/theirs"])["c/theirs"].data or {}
    assert data["reference"] == Kept({"referenceValue": f"{ROOT}/c x/ü.`y"})
    assert data["place"][1] == Kept({"geoPointValue": {}})
    kept = [data["reference"], *data["place"], data["vector"]["v"]]
    assert {type(value) for value in kept} == {Kept}
    firestore.commit([Write("c/ours", data)])
    back = google.document("c/ours").get().to_dict() or {}
    assert isinstance(back["reference"], DocumentReference)
    assert back == fields


def test_a_reference_into_another_project_does_not_keep_a_document_from_being_read(
    firestore: Firestore,
) -> None:
    elsewhere = Kept({"referenceValue": "projects/other/databases/(default)/documents/c/a"})
    firestore.commit([Write("c/a", {"r": elsewhere, "n": 1})])
    assert firestore.read(["c/a"])["c/a"].data == {"r": elsewhere, "n": 1}


NAMES = [
    "a.b", "..", "`", "\\", "\\`", "a`b\\c.d", " ", "a b", "\t\n", "1", "1a", "a-b", "*", "[x]",
    "~", "/", "'", '"', "é", "रोगी", "😀", "__a", "a__", "_", "\x00", "$x", "(default)", "x" * 1490,
]  # fmt: skip


def test_fields_of_any_name_are_chosen_changed_and_removed(
    firestore: Firestore, google: GoogleClient
) -> None:
    google.document("c/a").set(dict.fromkeys(NAMES, "before") | {"b": {"b": 1}})
    for name in NAMES:
        only = {name: "before"}
        assert firestore.read(["c/a"], [name, "absent.b"])["c/a"].data == only
        assert [found.data for _, found in firestore.page("c", None, 9, [name])] == [only]
    before = firestore.read(["c/a"])["c/a"]
    changes = {n: REMOVED if number % 2 else number for number, n in enumerate(NAMES)}
    firestore.commit([Write("c/a", changes, before)])
    kept = {name: value for name, value in changes.items() if value is not REMOVED}
    assert google.document("c/a").get().to_dict() == kept | {"b": {"b": 1}}
    guard = google.write_option(last_update_time=google.document("c/a").get().update_time)
    google.document("c/a").update(
        {FieldPath(name).to_api_repr(): "after" for name in NAMES}, option=guard
    )
    after = dict.fromkeys(NAMES, "after") | {"b": {"b": 1}}
    assert firestore.read(["c/a"])["c/a"].data == after


IDS = [
    "a:b", "a:runQuery", "a b", "a%2Fb", "%", "a+b", "a?b#c", "é", "😀", "a&b=c", "a'b", 'a"b',
    "a\\b", "(x)", "*", "~", ".a", "a.", "[x]", "{x}", "a;b", "a,b", "a@b", "a\tb", "a\nb", "\x01",
    "a\x00", "a", "aa", "`", "__a", "रोगी", "x" * 1500,
]  # fmt: skip


def test_documents_of_any_id_are_written_read_listed_and_found_below_each_other(
    firestore: Firestore, google: GoogleClient
) -> None:
    for number, key in enumerate(IDS):
        google.document("c", key).set({"n": number})
    firestore.commit([Write(f"c/{key}/d/{key}/e/{key}", {"n": 0}) for key in IDS])
    found = firestore.read([f"c/{key}" for key in IDS])
    assert [found[f"c/{key}"].data for key in IDS] == [{"n": n} for n in range(len(IDS))]
    for key in IDS:
        deep = f"c/{key}/d/{key}/e/{key}"
        assert google.document(deep).get().exists
        assert firestore.below(f"c/{key}") == [deep]
        assert firestore.below(f"c/{key}/d/{key}") == [deep]
        assert firestore.below(deep) == []
    expected = [f"c/{key}" for key in sorted(IDS, key=str.encode)]
    assert [at for page in by_pages(firestore, "c", 4) for at in page] == expected
    firestore.commit([Write(f"c/{key}", None) for key in IDS])
    assert firestore.count("c") == 0
    assert firestore.count("e") == 0  # at the top there is none


def by_pages(firestore: Firestore, collection: str, limit: int) -> Generator[list[str]]:
    after: str | None = None
    while page := [at for at, _ in firestore.page(collection, after, limit, ["n"])]:
        yield page
        after = page[-1]


def test_a_collection_group_is_listed_once_and_in_order_over_several_pages(
    firestore: Firestore, google: GoogleClient
) -> None:
    paths = [f"{top}/x{n % 7}/visits/v{n}" for top in ("doctors", "users") for n in range(350)]
    paths += [f"visits/top{n}" for n in range(10)]
    for start in range(0, len(paths), 500):
        firestore.commit([Write(at, {"n": at}) for at in paths[start : start + 500]])
    listed = list(pages(firestore, "visits", ["n"], anywhere=True))
    assert [len(page) for page in listed] == [300, 300, 110]
    found = [(at, snapshot) for page in listed for at, snapshot in page]
    query = google.collection_group("visits").order_by("__name__")
    known = list(query.stream())
    assert [at for at, _ in found] == [document.reference.path for document in known]
    assert sorted(at for at, _ in found) == sorted(paths)
    assert all(snapshot.data == {"n": at} for at, snapshot in found)


def test_versions_are_those_of_googles_client(firestore: Firestore, google: GoogleClient) -> None:
    google.document("c/a").set({"n": 1})
    snapshot = firestore.read(["c/a"])["c/a"]
    stamp: Any = google.document("c/a").get().update_time
    exact = stamp.timestamp_pb()
    assert snapshot.version == exact.seconds * 1_000_000 + exact.nanos // 1000
    assert snapshot.version == microseconds(snapshot.changed)
    ((_, listed),) = firestore.page("c", None, 9, ["n"])
    assert listed == snapshot
    assert listed.version == snapshot.version
