"""
A document that PostgreSQL holds and Python's JSON does not read is parked, alone.

jsonb takes numbers of over a hundred thousand digits and prints 1e5000 in full; Python refuses
integers of more than 4,300 digits, and nesting beyond its stack.
"""

from __future__ import annotations

from uuid import UUID

import pytest

from shared.events import Event, Ref, new_traceparent
from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql

HUGE = '{"medications": [{"name": "Demoxil", "strength": 1e5000}]}'
DEEP = "[" * 2000 + "]" * 2000
KEYS = [str(UUID(int=n)) for n in range(100)]
_POISON_UPLOAD = "update documents set structured_json = %s::jsonb where id = %s"
hostile = pytest.mark.parametrize("poison", [HUGE, DEEP], ids=["huge", "deep"])


@pytest.fixture(name="to")
def _to(core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql) -> RealStores:
    return RealStores(core, sql, supabase, supabase_sql)


def states(to: RealStores, step: str) -> dict[str, tuple[str, str | None]]:
    query = "select key, state, error_code from sync.ledger where step = %(step)s"
    rows = to.at_core(query, step=step)
    return {row["key"]: (row["state"], row["error_code"]) for row in rows}


def admitted(to: RealStores) -> None:
    to.sign_up("u1", email="a@example.com")
    to.publish([Event("user-changed", (Ref("user", "u1"),), new_traceparent())])
    to.run()


@hostile
def test_a_poisoned_upload_is_parked_alone_and_the_others_go_on(
    to: RealStores, poison: str
) -> None:
    admitted(to)
    for key in KEYS:
        to.upload(key, "u1", {"medications": []})
    to.supabase_sql.execute(_POISON_UPLOAD, [poison, KEYS[42]])
    to.run()
    stored = states(to, "store_document")
    assert stored.pop(KEYS[42]) == ("parked", "supabase_value_unreadable")
    assert set(stored.values()) == {("done", None)}
    assert len(stored) == 99


@hostile
def test_an_upload_that_is_poisoned_after_it_was_stored_leaves_the_index_to_the_others(
    to: RealStores, poison: str
) -> None:
    admitted(to)
    for key in KEYS[:10]:
        to.upload(key, "u1", {"medications": []})
    to.supabase_sql.execute(_POISON_UPLOAD, [poison, KEYS[4]])
    refs = tuple(Ref("document", key) for key in KEYS[:10])
    to.publish([Event("document-stored", refs, new_traceparent())])
    to.bus.run_until_quiet(to)
    indexed = states(to, "index_document")
    assert indexed.pop(KEYS[4]) == ("parked", "supabase_value_unreadable")
    assert {state for state, _ in indexed.values()} == {"done"}


@hostile
def test_a_poisoned_prescription_is_parked_alone_and_the_others_are_mirrored(
    to: RealStores, poison: str
) -> None:
    admitted(to)
    for number in range(10):
        to.prescribe(f"rx{number}", "u1", diagnosis="rest")
    summary = poison if poison.startswith("{") else f'{{"notes": {poison}}}'
    to.core_sql.execute(
        "update prescriptions set summary_json = %s::jsonb where id = 'rx4'", [summary]
    )
    to.run()
    mirrored = states(to, "copy_prescription_pdf") | states(to, "mirror_prescription")
    assert mirrored.pop("rx4") == ("parked", "core_value_unreadable")
    assert set(mirrored.values()) == {("done", None)}


@hostile
def test_a_comparison_finds_what_is_poisoned_and_goes_to_its_end(
    to: RealStores, poison: str
) -> None:
    admitted(to)
    for key in KEYS[:3]:
        to.upload(key, "u1", {"medications": []})
    to.supabase_sql.execute(_POISON_UPLOAD, [poison, KEYS[1]])
    to.run()
    report, found = to.reconcile("documents", dry_run=True)
    assert report.complete
    assert [(finding.key, finding.class_) for finding in found] == [(KEYS[1], "missing")]
