"""A sign-up at the Auth emulator reaches core, Supabase and the account's claims."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from infra.local.demo.people import Person
from infra.local.demo.stores import accounts
from tests.e2e.conftest import Row, Running, eventually


def settled(running: Running, uid: str) -> Row:
    """Return the core user once the chain's last step is done."""
    eventually(lambda: (running.ledger(uid, "admit_user") or {}).get("state") == "done")
    return running.core("select * from users where firebase_uid = %s", uid)[0]


def mirror(running: Running, uid: str) -> Row | None:
    rows = running.supabase(
        "select * from auth.users where raw_app_meta_data ->> 'firebase_uid' = %s", uid
    )
    return rows[0] if rows else None


@pytest.mark.parametrize(
    ("sign_in", "phone", "email"),
    [
        ("phone", "+919811100001", None),
        ("email", None, "Only.Email@Example.com"),
        ("both", "+919811100002", "both@example.com"),
    ],
)
def test_a_sign_up_reaches_all_three_stores(
    running: Running, sign_in: str, phone: str | None, email: str | None
) -> None:
    uid = running.app.sign_up(Person("Test", "Person", sign_in, phone, email))

    user = settled(running, uid)
    found = mirror(running, uid)

    assert (user["phone"], user["email"]) == (phone, email.lower() if email else None)
    assert user["role"] == "PATIENT"
    assert found is not None
    assert found["phone"] == (phone.removeprefix("+") if phone else None)
    assert found["email"] == (email.lower() if email else None)
    ids = {"firebase_uid": uid, "postgres_id": user["id"], "role": "PATIENT"}
    assert ids.items() <= found["raw_app_meta_data"].items()
    assert ids.items() <= found["raw_user_meta_data"].items()
    account = next(a for a in accounts(running.facts) if a["localId"] == uid)
    assert json.loads(account["customAttributes"]) == {"role": "authenticated"}


def test_an_anonymous_user_is_in_core_and_admitted_but_not_in_supabase(running: Running) -> None:
    url = (
        f"http://{running.facts['auth_emulator']}/identitytoolkit.googleapis.com/v1/accounts:signUp"
    )
    uid = httpx.post(url, params={"key": "any"}, json={"returnSecureToken": True}).json()["localId"]

    user = settled(running, uid)

    assert (user["phone"], user["email"]) == (None, None)
    assert mirror(running, uid) is None


def test_claims_that_an_account_already_has_are_kept(running: Running) -> None:
    base = f"http://{running.facts['auth_emulator']}/identitytoolkit.googleapis.com/v1"
    admin = {"Authorization": "Bearer owner"}
    body = {
        "localId": "uid-with-claims",
        "phoneNumber": "+919811100003",
        "customAttributes": '{"plan": "gold"}',
    }
    project = running.facts["project_id"]
    httpx.post(f"{base}/projects/{project}/accounts:batchCreate", headers=admin,
               json={"users": [body]}).raise_for_status()  # fmt: skip
    # An import fires no trigger: what a missed event looks like. Announcing it by hand heals it.
    announce(running, "user-changed", "user", "uid-with-claims")

    settled(running, "uid-with-claims")

    account = next(a for a in accounts(running.facts) if a["localId"] == "uid-with-claims")
    assert json.loads(account["customAttributes"]) == {"plan": "gold", "role": "authenticated"}


def announce(running: Running, topic: str, kind: str, key: str) -> None:
    """Publish one ref."""
    import base64

    data = base64.b64encode(json.dumps({"refs": [{"kind": kind, "key": key}]}).encode()).decode()
    url = (
        f"http://{running.facts['pubsub_emulator']}/v1/projects/{running.facts['project_id']}"
        f"/topics/{topic}:publish"
    )
    httpx.post(url, json={"messages": [{"data": data}]}).raise_for_status()


def test_with_every_trigger_dropped_all_users_still_arrive_by_reconciliation(
    running: Running,
) -> None:
    base = f"http://{running.facts['auth_emulator']}/identitytoolkit.googleapis.com/v1"
    uids = [f"untold-{number}" for number in range(20)]
    an_hour_ago = str(int(time.time() - 3600) * 1000)  # what is newer may still be on its way
    imported = [
        {"localId": uid, "phoneNumber": f"+9198120{at:05}", "createdAt": an_hour_ago}
        for at, uid in enumerate(uids)
    ]
    # An import fires no trigger.
    httpx.post(f"{base}/projects/{running.facts['project_id']}/accounts:batchCreate",
               headers={"Authorization": "Bearer owner"}, json={"users": imported}
               ).raise_for_status()  # fmt: skip

    # As the schedule calls it.
    httpx.post(f"{running.stack.url('steps')}/reconcile", timeout=60).raise_for_status()

    for uid in uids:
        settled(running, uid)
        assert mirror(running, uid) is not None
