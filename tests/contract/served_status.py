"""The status functions as they are served, two patients to ask for, and callers they know."""

from __future__ import annotations

import time
from typing import Any

import functions_framework
import jwt
import pytest

from infra.local.host import REPOSITORY
from shared import clients
from shared.access import webhook
from tests.contract.real_stores import RealStores

DOCUMENT = "3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f0001"
BROKEN = "3f2b8a54-0c5c-4d0b-9a53-7a4a2f5f0002"
SUMMARY = {"medications": [{"name": "Synthetin", "strength": "5 mg"}]}
Headers = dict[str, str]


def bring_patients(to: RealStores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two patients, an upload that is stored, one that is parked, a prescription; all real."""
    monkeypatch.setattr(clients, "_current", to)
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:1")  # tokens are unsigned
    monkeypatch.setenv("WEBHOOK_SECRET", "secret")
    to.put_patients(1, 2)
    to.run()
    to.upload(DOCUMENT, "u1", SUMMARY)
    to.upload(BROKEN, "u2", SUMMARY, kind="holiday_photo")
    to.prescribe("p1", "u1", **SUMMARY)
    to.core_sql.execute("update users set firebase_uid = 'd1' where id = 'id-doctor'")
    to.core_sql.execute("update appointments set status = 'CONFIRMED'")
    to.run()


def app(name: str) -> Any:
    return functions_framework.create_app(name, str(REPOSITORY / "main.py"), "http")


def signed_in(uid: str) -> Headers:
    claims = {"iss": "https://securetoken.google.com/demo-test", "aud": "demo-test", "sub": uid}
    token = jwt.encode(claims | {"exp": int(time.time()) + 600}, "k" * 32)
    return {"Authorization": f"Bearer {token}"}


def signed(body: bytes) -> Headers:
    stamp = int(time.time())
    return {
        "Content-Type": "application/json",
        "X-HealBridge-Timestamp": str(stamp),
        "X-HealBridge-Signature": webhook.sign("secret", stamp, body),
    }
