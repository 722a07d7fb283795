"""Every command of docs/operate.md, run as it stands there: it does what the guide says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import httpx
import psycopg
import pytest

from infra.local.demo.people import Person
from infra.local.stack import REPOSITORY
from infra.logins import setting
from shared.access import webhook
from tests.e2e.conftest import Running, eventually
from tests.e2e.terminal import Operator
from tests.e2e.test_documents_chain import paper, stored
from tests.e2e.test_users_chain import settled

# A command's connections end with its process; here the process goes on.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
GUIDE = (REPOSITORY / "docs" / "operate.md").read_text(encoding="utf-8")
COMMANDS: list[str] = re.findall(r"^\./healbridge-sync (.+?)(?: +#.*)?$", GUIDE, re.MULTILINE)
# The others leave with 0. Whether something of other tests still waits (1) is not the guide's.
_LEAVES = {
    "status": {0, 1},
    "watch --every 2 --looks 1": {0, 1},
    "parked": {1},
    "parked --step STEP": {1},
    "parked --state retrying --state parked": {0, 1},
    "retry --uid UID": {0},
    "patient UID": {1},
    "conflicts list": {1},
    "reconcile --dry-run": {0, 1},
    "reconcile": {0, 1},
    "reconcile --kind documents --dry-run --grace 0": {0, 1},
    "resync run KIND --budget 1": {3},
}


def _stage(running: Running) -> dict[str, str]:
    """Return what the guide's capital letters stand for, all of it really there."""
    running.backend.type_in("desk-guide", "+91 98116 00094", None)
    uid = running.app.sign_up(Person("Guided", "X", "phone", "+919811600094", None))
    settled(running, uid)
    staying = running.app.sign_up(Person("Staying", "X", "phone", "+919811600097", None))
    settled(running, staying)  # whose uploads are there to load again after the erasure
    good, bad = paper(uid, "Demoxil"), paper(uid, type="no such type")
    others = [paper(staying), paper(staying)]
    running.edge.insert([good, *others])
    for document in (good, *others):
        eventually(lambda key=document["id"]: stored(running, key))
    running.edge.insert([bad])  # announced by itself: a trace that is stuck answers 1
    eventually(lambda: (running.ledger(bad["id"], "store_document") or {}).get("state") == "parked")
    row = running.ledger(good["id"], "store_document")
    parked = running.ledger(bad["id"], "store_document")
    (conflict,) = running.core("select id from sync.conflicts where key = %s", uid)
    assert row is not None
    assert parked is not None
    return {"UID": uid, "KIND": "document", "OPERATOR": "e2e", "STEP": "store_document",
            "CODE": parked["error_code"], "DOCUMENT": good["id"],
            "CONFLICT": str(conflict["id"]), "TRACE": row["trace_id"]}  # fmt: skip


def test_every_command_of_the_guide_does_what_it_says(running: Running, operator: Operator) -> None:
    assert len(COMMANDS) >= 15
    assert _LEAVES.keys() <= set(COMMANDS)
    stands_for = _stage(running)
    uid, gone = stands_for["UID"], False
    for line in COMMANDS:
        words = [stands_for.get(word, word) for word in line.split()]
        asked = f"y\n{uid}\n" if words[0] == "erase" else None
        if gone and words == ["patient", uid]:
            eventually(lambda said=tuple(words): operator.run(*said).exit_code == 5)
            continue
        if line == "conflicts decide CONFLICT keep_other --operator OPERATOR":
            # A later look of a chain may have found the same conflict again, under a new number.
            (row,) = running.core("select id from sync.conflicts where key = %s"
                                  " and resolved_at is null", uid)  # fmt: skip
            words[2] = str(row["id"])
        result = operator.run(*words, given=asked)
        assert result.exit_code in _LEAVES.get(line, {0}), (line, result.output)
        gone = gone or words[0] == "erase"
    assert gone


def _hint(running: Running, secret: str) -> int:
    """Send an empty hint signed with a secret; return the status of the answer."""
    body, stamp = b'{"type":"INSERT","schema":"public","table":"documents","ids":[]}', time.time()
    headers = {
        "Content-Type": "application/json",
        "X-HealBridge-Timestamp": str(int(stamp)),
        "X-HealBridge-Signature": webhook.sign(secret, int(stamp), body),
    }
    url = running.facts["webhook_url"]
    return httpx.post(url, content=body, headers=headers, timeout=60).status_code


def _last_hint(running: Running, uid: str) -> int:
    """Insert an upload; return how the hint of Supabase's trigger was answered."""
    (before,) = running.supabase("select coalesce(max(id), 0) as id from net._http_response")
    upload = paper(uid)
    running.edge.insert([upload])
    (answer,) = eventually(
        lambda: running.supabase(
            "select status_code from net._http_response where id > %s order by id limit 1",
            before["id"],
        )
    )
    eventually(lambda: stored(running, upload["id"]))
    return answer["status_code"]


def test_the_webhook_secret_is_rotated_without_a_refused_hint(
    running: Running, operator: Operator
) -> None:
    uid = running.app.sign_up(Person("Rotated", "X", "phone", "+919811600095", None))
    settled(running, uid)
    old, new = running.facts["webhook_secret"], "n" * 48
    (statement,) = re.findall(r"`(select\s+vault\.update_secret[^`]+)`", GUIDE)

    def put(secret: str) -> None:
        with psycopg.connect(running.facts["supabase_dsn"]) as supabase:
            supabase.execute(statement.replace("'new'", f"'{secret}'").encode())

    try:
        running.stack.deploy(WEBHOOK_SECRET=f"{new},{old}")
        assert _last_hint(running, uid) == 200  # signed with the old one
        found = operator.json("doctor")["findings"]
        assert "takes 2 secrets, refuses others" in {f["found"] for f in found}
        put(new)
        assert _last_hint(running, uid) == 200
        running.stack.deploy(WEBHOOK_SECRET=new)
        assert _last_hint(running, uid) == 200
        assert (_hint(running, new), _hint(running, old)) == (200, 401)
    finally:
        running.stack.deploy(WEBHOOK_SECRET=old)
        put(old)


def test_a_login_of_core_is_replaced_and_its_functions_go_on_with_the_new_one(
    running: Running,
) -> None:
    uid = running.app.sign_up(Person("Renewed", "X", "phone", "+919811600096", None))
    settled(running, uid)
    assert "python -m infra.logins DUTY" in GUIDE
    done = subprocess.run(
        [sys.executable, "-m", "infra.logins", "papers"], cwd=REPOSITORY, text=True,
        env=os.environ | {"OWNER_DSN": running.facts["core_dsn"]}, capture_output=True, check=True,
    )  # fmt: skip
    replaced = running.stack.settings()[setting("papers")]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(replaced)
    running.stack.deploy(**{setting("papers"): done.stdout})
    upload = paper(uid)
    running.edge.insert([upload])
    eventually(lambda: stored(running, upload["id"]))
