"""A function that is served imports what it needs and no SDK besides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shared import catalog

REPOSITORY = Path(__file__).parents[2]
HEAVY = (
    "firebase_admin", "firebase_functions", "google.cloud.firestore_v1", "google.cloud.pubsub_v1",
    "google.pubsub_v1", "openai", "postgrest", "supabase_auth", "boto3", "psycopg",
)  # fmt: skip


@pytest.mark.parametrize("name", ["announce_user", "announce_profile", "announce_sign_in"])
def test_what_announces_needs_no_sdk(name: str) -> None:
    assert imported(name) == "[]"


def test_steps_import_no_sdk_before_they_are_called() -> None:
    steps = ("store_user", "store_document", "mirror_user", "index_document")
    assert {imported(name) for name in steps} == {"[]"}


def test_supabases_data_api_is_used_without_the_clients_of_its_other_apis() -> None:
    others = ("realtime", "storage3", "supabase", "supabase_auth", "supabase_functions")
    assert imported("store_document", "shared.stores.supabase", others) == "[]"


def imported(name: str, more: str = "shared.publisher", heavy: tuple[str, ...] = HEAVY) -> str:
    """Return which heavy modules are there once a function can be served, and `more`."""
    code = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r});"
        f" import {catalog.load().functions[name].module}, {more};"
        f" print([m for m in {heavy} if m in sys.modules])"
    )
    command, env = [sys.executable, "-c", code], {"FUNCTION_TARGET": name}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()
