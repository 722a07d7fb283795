"""Firebase's emulators of Auth and Firestore with the repository's rules, and people in them."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.demo.apps import firestore_value
from infra.local.firebase import Firebase
from infra.local.supervisor import Supervisor
from shared.stores.firestore import Firestore

PROJECT = "demo-test"
REPOSITORY = Path(__file__).parents[3]
OWNER = "owner"  # the emulators' administrator


class Emulators:
    """The running emulators, as the apps reach them: over HTTP, under the rules."""

    def __init__(self, firebase: Firebase) -> None:
        self.firebase = firebase
        self.http = httpx.Client(timeout=30, trust_env=False)
        self._documents = f"projects/{PROJECT}/databases/(default)/documents"
        self._root = f"http://{firebase.host('firestore')}/v1/{self._documents}"
        self._auth = f"http://{firebase.host('auth')}/identitytoolkit.googleapis.com/v1"
        self._people = 0

    def sign_up(self) -> tuple[str, str]:
        """Sign a new person up; return the uid and the ID token."""
        self._people += 1
        body = {"email": f"person{self._people}@example.com", "password": "a made-up one"}
        url = f"{self._auth}/accounts:signUp"
        answer = self.http.post(url, params={"key": "any"}, json=body | {"returnSecureToken": True})
        account = answer.raise_for_status().json()
        return account["localId"], account["idToken"]

    def get(self, path: str, token: str | None) -> int:
        """Read a document or a collection; return the status."""
        return self.http.get(f"{self._root}/{path}", headers=_bearer(token)).status_code

    def patch(self, path: str, token: str | None, mask: str = "", **fields: Any) -> int:
        """Write fields of a document, replacing it or those in the mask; return the status."""
        body = {"fields": {name: firestore_value(value) for name, value in fields.items()}}
        params = {"updateMask.fieldPaths": mask.split(",")} if mask else {}
        url = f"{self._root}/{path}"
        return self.http.patch(url, json=body, params=params, headers=_bearer(token)).status_code

    def delete(self, path: str, token: str | None) -> int:
        """Delete a document; return the status."""
        return self.http.delete(f"{self._root}/{path}", headers=_bearer(token)).status_code

    def clear(self) -> None:
        """Delete all documents."""
        host = self.firebase.host("firestore")
        self.http.delete(f"http://{host}/emulator/v1/{self._documents}").raise_for_status()


def _bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


@pytest.fixture(scope="session", name="running_emulators")
def _running_emulators() -> Generator[Emulators]:
    with Supervisor() as supervisor:
        firebase = Firebase(
            supervisor.folder / "firebase",
            REPOSITORY,
            [],
            {},
            PROJECT,
            emulators=("auth", "firestore"),
        )
        firebase.write()
        supervisor.start(firebase.process(supervisor.logs / "firebase.log"))
        emulators = Emulators(firebase)
        yield emulators
        emulators.http.close()


@pytest.fixture(name="emulators")
def _emulators(running_emulators: Emulators) -> Emulators:
    """The emulators without any document."""
    running_emulators.clear()
    return running_emulators


@pytest.fixture(name="firestore")
def _firestore(emulators: Emulators, monkeypatch: pytest.MonkeyPatch) -> Generator[Firestore]:
    """The real store over the emulator."""
    for name, value in emulators.firebase.environment().items():
        monkeypatch.setenv(name, value)
    store = Firestore()
    yield store
    store.close()
