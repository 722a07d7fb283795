"""A function that is served imports what it needs and no SDK besides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shared import catalog

REPOSITORY = Path(__file__).parents[2]
HEAVY = (
    "firebase_admin", "firebase_functions", "google.api_core", "google.cloud.firestore",
    "google.cloud.firestore_v1", "google.cloud.pubsub_v1", "google.pubsub_v1", "openai", "supabase",
    "postgrest", "supabase_auth", "realtime", "storage3", "supabase_functions", "httpx", "httpx2",
    "httpcore", "pydantic", "yarl", "boto3", "botocore", "psycopg",
    "requests",
)  # fmt: skip


@pytest.mark.parametrize("name", ["announce_user", "announce_profile", "announce_sign_in"])
def test_what_announces_needs_no_sdk(name: str) -> None:
    assert imported(name) == "[]"


def test_steps_import_no_sdk_before_they_are_called() -> None:
    steps = ("store_user", "store_document", "mirror_user", "index_document")
    assert {imported(name) for name in steps} == {"[]"}


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("store_document", "Clients().supabase.select('documents', 'id', ['any'])"),
        ("mirror_user", "Clients().supabase.create_user({})"),
        ("index_document", "Clients().embedder.embed(['any'])"),
        ("copy_prescription_pdf", "Clients().storage.look('documents/any')"),
        ("show_appointment", "Clients().shown_appointments.show([], {'any': 1})"),
        ("store_profile", "Clients().profiles.read(['any'])"),
        ("erase_firebase", "Clients().firebase_patients.erase('any')"),
        ("store_user", "Clients().accounts.read(['any'])"),
        ("admit_user", "Clients().accounts.set_claims('any', {})"),
        ("copy_prescription_pdf", "pdfs.open(WebPlace('https://any/', 'any'), None).__enter__()"),
    ],
)
def test_a_vendor_is_asked_without_its_package(name: str, use: str) -> None:
    """Nobody answers, but what is imported at the first use only is there by then."""
    code = (
        "from shared.clients import Clients; from shared.errors import TransientError\n"
        "from shared.papers.pdf_urls import WebPlace; from shared.stores.web_pdfs import WebPdfs\n"
        "pdfs = WebPdfs(lambda _: '127.0.0.1', port=1)\n"
        f"try:\n  {use}\nexcept TransientError as error:\n  print(error)\n"
    )
    said, found = imported(name, code).splitlines()
    assert said.endswith("_unreachable")
    assert found == "[]"


def test_a_push_is_sent_without_its_package() -> None:
    code = (
        "from shared.clients import Clients; from shared.notices.push import Push\n"
        "print(Clients().messaging.send([Push('any', 'any')])[0].code)"
    )
    assert imported("notify_appointment", code).splitlines() == ["fcm_unavailable", "[]"]


def imported(name: str, more: str = "import shared.publisher") -> str:
    """Return which heavy modules are there once a function can be served and `more` was run."""
    code = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n"
        f"import {catalog.load().functions[name].module}\n{more}\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    nobody = "http://127.0.0.1:1"
    env = {
        "FUNCTION_TARGET": name, "SUPABASE_URL": nobody, "SUPABASE_SERVICE_KEY": "key",
        "OPENAI_BASE_URL": nobody, "OPENAI_API_KEY": "key", "SUPABASE_S3_KEY": "key",
        "SUPABASE_S3_SECRET": "secret", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
        "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1", "FCM_URL": nobody,
        "GOOGLE_CLOUD_PROJECT": "demo-test",
    }  # fmt: skip
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()
