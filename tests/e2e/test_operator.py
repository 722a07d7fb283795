"""The operator's command on a running stack: its numbers are the rows', its exit codes speak."""

from __future__ import annotations

import json

import pytest

from infra.command import target
from infra.local.demo.people import Person
from tests.e2e.conftest import Running, eventually
from tests.e2e.terminal import Operator
from tests.e2e.test_documents_chain import paper, stored
from tests.e2e.test_users_chain import settled

# A command's connections end with its process; here the process goes on.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(name="uid", scope="module")
def _uid(running: Running) -> str:
    uid = running.app.sign_up(Person("Commanded", "X", "phone", "+919811600090", None))
    settled(running, uid)
    return uid


def test_the_counts_of_the_status_are_the_counted_rows(
    running: Running, operator: Operator, uid: str
) -> None:
    bad = paper(uid, type="no such type")
    running.edge.insert([bad])
    eventually(lambda: (running.ledger(bad["id"], "store_document") or {}).get("state") == "parked")
    told = operator.json("status", code=1)
    (row,) = running.core(
        "select (select count(*) from users) as users,"
        " (select count(*) from sync.ledger where state = 'parked') as parked,"
        " (select count(*) from sync.conflicts where resolved_at is null) as conflicts"
    )
    (documents,) = running.supabase("select count(*) as n from documents")
    assert told["postgres_users"] == row["users"]
    assert told["failed_syncs"] == row["parked"]
    assert told["conflicts"] == row["conflicts"]
    assert told["supabase_documents"] == documents["n"]
    eyes = operator.run("status")
    assert eyes.exit_code == 1
    assert f"{row['parked']} parked" in eyes.stdout

    stuck = operator.json("parked", "--step", "store_document", code=1)["stuck"]
    assert bad["id"] in {entry["key"] for entry in stuck}
    assert all(entry["remedy"] and entry["code"] for entry in stuck)
    assert operator.json("parked", "--code", "no_such_code")["stuck"] == []
    retried = operator.json("retry", "--step", "store_document")
    assert retried == {"retried": len(stuck), "failed": 0}
    journal = running.core("select 1 from sync.journal where key = %s and state = 'replayed'",
                           bad["id"])  # fmt: skip
    assert len(journal) == 1
    running.edge.delete(bad["id"])


def test_a_patient_a_document_and_its_trace_are_followed(
    running: Running, operator: Operator, uid: str
) -> None:
    document = paper(uid, "Demoxil")
    running.edge.insert([document])
    eventually(lambda: stored(running, document["id"]))
    eventually(
        lambda: (running.ledger(document["id"], "index_document") or {}).get("state") == "done"
    )
    standing = json.loads(operator.run("patient", uid, "--json").stdout)
    assert document["id"] in {row["id"] for row in standing["supabase_documents"]}
    (medication,) = running.core("select id from medications where document_id = %s",
                                 document["id"])  # fmt: skip
    line = operator.json("lineage", "medication", medication["id"])
    assert (line["kind"], line["key"]) == ("document", document["id"])
    rows = running.core("select id from sync.journal where kind = 'document' and key = %s",
                        document["id"])  # fmt: skip
    assert len(line["journal"]) == len(rows)
    row = running.ledger(document["id"], "store_document")
    assert row is not None
    assert operator.json("trace", row["trace_id"])["trace_id"] == row["trace_id"]
    for unknown in (["patient", "nobody"], ["lineage", "user", "nobody"], ["trace", "ab" * 16]):
        assert operator.json(*unknown, code=5)["error"].startswith("unknown_")


def test_a_resync_is_quoted_stops_at_its_budget_and_goes_on(
    running: Running, operator: Operator, uid: str
) -> None:
    (rows,) = running.supabase("select count(*) as n from documents where origin = 'upload'")
    assert operator.json("resync", "quote", "document")["entities"] == rows["n"]
    first = operator.json("resync", "run", "document", "--budget", "1", code=3)
    assert (first["announced"], first["state"]) == (1, "budget")
    rest = operator.json("resync", "run", "document", "--resume")
    assert (rest["announced"], rest["state"]) == (rows["n"], "done")
    eventually(lambda: not running.supabase("select 1 from sync.outbox where sent_at is null"))


def test_the_doctor_finds_a_whole_stack_well_and_says_what_is_missing(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = operator.json("doctor")
    assert {f["what"] for f in found["findings"]} >= {
        "core", "supabase", "firebase", "storage", "embeddings", "schema of core", "webhook",
        "webhook secrets", "push subscriptions",
    }  # fmt: skip
    assert {f["state"] for f in found["findings"]} == {"ok"}
    monkeypatch.setattr(target, "webhook_url", lambda: "http://127.0.0.1:9/receive_document")
    (door,) = [f for f in operator.json("doctor", code=1)["findings"] if f["state"] != "ok"]
    assert (door["what"], bool(door["mend"])) == ("webhook", True)


def test_what_cannot_be_done_is_said_in_a_line_without_a_traceback(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, uid: str
) -> None:
    for arguments, code, error in (
        (["retry"], 2, "filter"),
        (["reconcile", "--kind", "x"], 2, "kind"),
        (["resync", "quote", "x"], 2, "kind"),
        (["migrate", "x"], 2, "store"),
        (["erase", uid, "--operator", "e2e"], 2, "not_confirmed"),
        (["erase", uid, "--operator", "e2e", "--confirm", "another"], 2, "not_confirmed"),
        (["conflicts", "decide", "999999", "dismissed", "--operator", "e2e"], 1, None),
    ):
        result = operator.run(*arguments, "--json")
        said = json.loads(result.stderr.splitlines()[-1])
        assert (result.exit_code, result.stdout) == (code, ""), arguments
        assert said["error"] == (error or said["error"])
        assert said["message"]
