"""Parked entities in the real ledger: rest, replay, filters; and the waits providers ask for."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from shared.events import Event, Ref
from shared.outcomes import Outcome
from shared.replaying import replay
from shared.runner import Batch
from shared.stores.core import CoreDatabase
from shared.stores.core_outbox import CoreOutbox
from shared.stores.core_replays import CoreReplays, Filter
from shared.stores.ledger import Ledger
from tests.databases import acting

Sql = psycopg.Connection[dict[str, Any]]
TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"


class Parked:
    """A core whose ledger holds parked entities, and what was published."""

    def __init__(self, core: CoreDatabase, sql: Sql) -> None:
        own = acting(core, "repair")
        self.ledger, self.replays, self.outbox = Ledger(own), CoreReplays(own), CoreOutbox(own)
        self.sql = sql
        self.published: list[Event] = []
        self.slept: list[float] = []

    def park(self, *keys: str, step: str = "store_user", kind: str = "user", **how: Any) -> None:
        given: dict[str, Any] = {"code": "core_unreachable", "exhausted": True} | how
        outcomes = [Outcome(Ref(kind, key, 7), "parked", **given) for key in keys]
        self.ledger.record(Batch(step, tuple(o.ref for o in outcomes), TRACE), outcomes)

    def rested(self) -> None:
        self.sql.execute("update sync.ledger set next_retry_at = now() where exhausted")
        self.sql.execute("update sync.ledger set replayed_at = now() - interval '1 hour'")

    def replay(self, wanted: Filter, per_run: int = 1000, per_second: int = 100) -> dict[str, int]:
        return replay(
            wanted,
            replays=self.replays,
            publish=self.published.extend,
            relays={"relay_core_outbox": self.outbox},
            per_run=per_run,
            per_second=per_second,
            sleep=self.slept.append,
        )

    def keys(self) -> list[str]:
        return [ref.key for event in self.published for ref in event.refs]

    def row(self, key: str) -> dict[str, Any]:
        query = (
            "select *, extract(epoch from next_retry_at - now())::float8 as rest"
            " from sync.ledger where key = %(key)s"
        )
        row = self.sql.execute(query, {"key": key}).fetchone()
        assert row is not None
        return row


@pytest.fixture(name="parked")
def _parked(core: CoreDatabase, sql: Sql) -> Parked:
    return Parked(core, sql)


def test_by_schedule_only_what_ran_out_of_deliveries_and_has_rested_is_replayed(
    parked: Parked,
) -> None:
    parked.park("tired")
    parked.park("hopeless", code="core_22001", exhausted=False)
    assert parked.replay(Filter(due=True))["retried"] == 0
    parked.rested()
    assert parked.replay(Filter(due=True))["retried"] == 1
    (event,) = parked.published
    assert (event.topic, event.refs) == ("user-changed", (Ref("user", "tired", 7),))
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", event.traceparent)


def test_each_rest_is_longer_and_after_eight_replays_a_person_decides(parked: Parked) -> None:
    parked.park("u1")
    rests = [parked.row("u1")["rest"]]
    for _ in range(8):
        parked.rested()
        assert parked.replay(Filter(due=True))["retried"] == 1
        parked.park("u1")
        rests.append(parked.row("u1")["rest"])
    for number, rest in enumerate(rests[:-1]):
        middle = min(600 * 2**number, 86_400)
        assert middle * 0.75 - 5 <= rest <= middle * 1.25
    assert rests[-1] is None
    parked.rested()
    parked.sql.execute("update sync.ledger set next_retry_at = null")
    assert parked.replay(Filter(due=True))["retried"] == 0
    assert parked.replay(Filter()) == {"retried": 1, "failed": 0}


def test_a_success_forgets_the_replays(parked: Parked) -> None:
    parked.park("u1")
    parked.replay(Filter())
    parked.ledger.record(Batch("store_user", (), TRACE), [Outcome(Ref("user", "u1", 8), "done")])
    row = parked.row("u1")
    assert (row["state"], row["replays"], row["exhausted"], row["rest"]) == ("done", 0, False, None)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(step="mirror_user"), ["u2"]),
        (Filter(code="core_22001"), ["u3"]),
        (Filter(kind="document"), ["d1"]),
        (Filter(keys=(("user", "u1"), ("document", "d1"), ("user", "d1"))), ["d1", "u1"]),
        (Filter(older_s=3600), ["u1"]),
        (Filter(), ["d1", "u1", "u2", "u3"]),
    ],
)
def test_a_person_chooses_by_step_code_kind_age_and_entity(
    parked: Parked, wanted: Filter, found: list[str]
) -> None:
    parked.park("u1")
    parked.park("u2", step="mirror_user")
    parked.park("u3", code="core_22001", exhausted=False)
    parked.park("d1", step="store_document", kind="document")
    parked.sql.execute(
        "update sync.ledger set updated_at = now() - interval '2 hours' where key = 'u1'"
    )
    assert parked.replay(wanted) == {"retried": len(found), "failed": 0}
    assert sorted(parked.keys()) == found


def test_a_run_replays_no_more_than_it_may_and_no_faster(parked: Parked) -> None:
    parked.park(*(f"u{n}" for n in range(30)))
    assert parked.replay(Filter(), per_run=25, per_second=10) == {"retried": 25, "failed": 5}
    assert parked.slept == [1.0, 1.0, 0.5]
    assert len(set(parked.keys())) == 25


def test_an_unreadable_message_has_nothing_to_replay_and_counts_as_failed(parked: Parked) -> None:
    parked.park("4711", kind="message", code="event_not_json", exhausted=False)
    assert parked.replay(Filter()) == {"retried": 0, "failed": 1}


def test_a_parked_step_that_no_longer_exists_counts_as_failed(parked: Parked) -> None:
    parked.park("u1", step="step_of_last_year")
    assert parked.replay(Filter()) == {"retried": 0, "failed": 1}
    assert parked.published == []


def test_what_a_relay_parked_is_announced_again_and_judged_anew(parked: Parked) -> None:
    parked.park("i1", step="relay_core_outbox", kind="invoice", exhausted=False)
    assert parked.replay(Filter()) == {"retried": 1, "failed": 0}
    assert parked.published == []
    rows = parked.sql.execute("select kind, key from sync.outbox where sent_at is null").fetchall()
    assert rows == [{"kind": "invoice", "key": "i1"}]
    assert parked.sql.execute("select 1 from sync.ledger").fetchall() == []


def test_two_replays_at_once_take_different_entities(parked: Parked) -> None:
    parked.park("u1", "u2")
    before = parked.replays.now()
    first = parked.replays.claim(Filter(), ["store_user"], before, 1, "t")
    second = parked.replays.claim(Filter(), ["store_user"], before, 5, "t")
    assert sorted(ref.key for _, ref in [*first, *second]) == ["u1", "u2"]


def test_a_replay_is_in_the_journal(parked: Parked) -> None:
    parked.park("u1")
    parked.replay(Filter())
    rows = parked.sql.execute("select state from sync.journal order by id").fetchall()
    assert [row["state"] for row in rows] == ["parked", "replayed"]


def test_a_patients_entities_are_those_of_every_kind(parked: Parked) -> None:
    for statement in (
        "insert into users (id, role, firebase_uid) values ('1', 'PATIENT', 'u1')",
        "insert into users (id, role) values ('2', 'DOCTOR')",
        "insert into patients (id, user_id) values ('p', '1')",
        "insert into doctors (id, user_id, first_name, last_name) values ('d', '2', 'A', 'B')",
        "insert into appointments values ('a', 'd', null, 'p', now(), now())",
        "insert into prescriptions (id, appointment_id) values ('rx', 'a')",
        "insert into documents (id, patient_id, type) values ('doc', 'p', 'LAB')",
    ):
        parked.sql.execute(statement.encode())
    found = parked.replays.of_patient("u1")
    assert {("user", "u1"), ("appointment", "a"), ("prescription", "rx"), ("document", "doc")} < {
        *found
    }
    assert ("appointment", "a") not in parked.replays.of_patient("u2")


def test_a_wait_that_a_provider_asked_for_lasts_until_something_else_happens(
    parked: Parked,
) -> None:
    ref = Ref("user", "u1", 7)
    batch = Batch("store_user", (ref,), TRACE)
    asked = Outcome(ref, "retrying", "embeddings_rate_limit", retry_after=40)
    parked.ledger.record(batch, [asked])
    assert 30 < parked.ledger.pause("store_user", [ref, Ref("user", "u2")]) <= 40
    assert parked.ledger.pause("mirror_user", [ref]) == 0
    parked.ledger.record(batch, [replace(asked, retry_after=None)])
    assert parked.ledger.pause("store_user", [ref]) == 0
    parked.ledger.record(batch, [replace(asked, retry_after=10**9)])
    assert parked.ledger.pause("store_user", [ref]) <= 3600
