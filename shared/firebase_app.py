"""
The one Firebase app of a process: Auth and Cloud Messaging share it.

Beside the emulators it carries a made-up token instead of looking for the machine's Google
credentials: nothing of a developer's account may reach a local stack, and there may be none.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import firebase_admin
from firebase_admin import credentials
from google.auth.credentials import Credentials

from shared import settings

TIMEOUT_S = 10  # of one HTTP call; the SDK's own default is 120, longer than a function may run
_EMULATORS = ("FIREBASE_AUTH_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST")


@cache
def app() -> firebase_admin.App:
    """Return the app, made when first needed."""
    options = {"projectId": settings.required("GOOGLE_CLOUD_PROJECT"), "httpTimeout": TIMEOUT_S}
    emulated = any(os.environ.get(name) for name in _EMULATORS)
    return firebase_admin.initialize_app(
        _EmulatorCredential() if emulated else None, options, name="healbridge-sync"
    )


def close() -> None:
    """Close the app; the next use makes a new one, of the settings as they are then."""
    firebase_admin.delete_app(app())
    app.cache_clear()


class _EmulatorToken(Credentials):
    """The emulators' administrator. Refreshing gives the same again, as the SDK does upon a 401."""

    def __init__(self) -> None:
        super().__init__()
        self.token = "owner"  # noqa: S105 - the emulators know no other

    def refresh(self, request: Any) -> None:
        """Keep the token."""


class _EmulatorCredential(credentials.Base):
    def get_credential(self) -> Credentials:
        return _EmulatorToken()
