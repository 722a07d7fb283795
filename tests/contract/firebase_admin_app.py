"""The Admin SDK as it was made for comparisons: led to a local server, and trying nothing again."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import firebase_admin
from firebase_admin import auth, credentials, messaging
from google.auth.credentials import Credentials
from requests.adapters import HTTPAdapter

PROJECT = "demo-test"


class _Owner(Credentials):
    """The emulators' administrator."""

    def __init__(self) -> None:
        super().__init__()
        self.token = "owner"

    def refresh(self, request: Any) -> None:
        """Keep the token, as the package wants another upon a 401."""


class _Credential(credentials.Base):
    def get_credential(self) -> Credentials:
        return _Owner()


@contextmanager
def official(url: str) -> Generator[firebase_admin.App]:
    """Make an app whose messages go to a server; for accounts, the environment names it."""
    options = {"projectId": PROJECT, "httpTimeout": 10}
    app = firebase_admin.initialize_app(_Credential(), options, name="compared")
    users: Any = auth._get_client(app)._user_manager.http_client
    pushes: Any = messaging._get_messaging_service(app)
    pushes._fcm_url = f"{url}/v1/projects/{PROJECT}/messages:send"
    for session in (users.session, pushes._client.session):
        session.mount(f"{url}/", HTTPAdapter(max_retries=0))  # the longest prefix wins
        session.trust_env = False
    try:
        yield app
    finally:
        users.session.close()
        pushes._client.session.close()
        firebase_admin.delete_app(app)
