"""
An erasure of documents that are too large to be deleted together: Firestore counts a commit's
documents with their index entries, and refuses more than 10 MB. The emulator counts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import pytest

from infra.local.loopback import JSON, Request, Response
from shared.errors import PermanentError
from shared.stores.firebase_patients import FirebasePatients
from tests.contract.serving import firestore_at

ROOT = "projects/demo-test/databases/(default)/documents"
AT = "2026-01-02T03:04:05.123456Z"
REFUSED = {"code": 400, "message": "Transaction too big.", "status": "INVALID_ARGUMENT"}


class Server:
    """Keeps documents of one patient, of which so many can be deleted at a time."""

    def __init__(self) -> None:
        self.documents = [f"{ROOT}/users/u1/scans/s{n:04}" for n in range(700)]
        self.documents.append(f"{ROOT}/users/u1")
        self.at_once = 60
        self.deleted: list[str] = []

    def answer(self, request: Request) -> Response:
        asked = json.loads(request.body)
        said: Any = {"error": REFUSED}
        match request.path.rpartition(":")[2]:
            case "batchGet":
                said = [self._look(name) for name in asked["documents"]]
            case "runQuery":
                below = [name for name in self.documents if name.count("/") > ROOT.count("/") + 2]
                found = [{"document": {"name": n, "updateTime": AT}} for n in below]
                said = [*found, {"readTime": AT}]
            case "commit" if len(asked["writes"]) <= self.at_once:
                gone = [write["delete"] for write in asked["writes"]]
                self.documents = [name for name in self.documents if name not in gone]
                self.deleted += gone
                said = {"commitTime": AT}
            case _:
                pass
        status = 400 if said == {"error": REFUSED} else 200
        return Response(status, json.dumps(said).encode(), {"Content-Type": JSON})

    def _look(self, name: str) -> dict[str, Any]:
        if name in self.documents:
            return {"found": {"name": name, "updateTime": AT}}
        return {"missing": name, "readTime": AT}


@pytest.fixture(name="server")
def _server() -> Server:
    return Server()


@pytest.fixture(name="patients")
def _patients(server: Server, monkeypatch: pytest.MonkeyPatch) -> Generator[FirebasePatients]:
    with firestore_at(server.answer, monkeypatch) as firestore:
        yield FirebasePatients(firestore)


def test_documents_that_are_too_large_to_go_together_go_in_parts_the_profile_last(
    server: Server, patients: FirebasePatients
) -> None:
    assert patients.erase("u1") == 701
    assert patients.remains("u1") == []
    assert len(server.deleted) == 701
    assert server.deleted[-1] == f"{ROOT}/users/u1"


def test_what_cannot_go_alone_either_is_told(server: Server, patients: FirebasePatients) -> None:
    server.at_once = 0
    with pytest.raises(PermanentError, match=r"^firestore_invalid_argument$"):
        patients.erase("u1")
