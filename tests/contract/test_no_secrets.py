"""No tracked file holds a secret, a real person's contact, or a path of somebody's machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
RULES = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "an AWS key id": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Google API key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a service account's key": r"\"private_key(?:_id)?\"\s*:",
    "an OpenAI key": r"\bsk-(?:proj-)?[0-9A-Za-z]{20,}",
    "a Supabase secret key": r"\bsb_secret_[0-9A-Za-z]{8,}",
    "a token of GitHub or npm": r"\b(?:gh[pousr]_[0-9A-Za-z]{20,}|npm_[0-9A-Za-z]{20,})",
    "a signed token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}",
    "a password in a connection string": r"\b\w+://[^\s:/@'\"{}$<]+:[^\s:/@'\"{}$<]+@",
    "a path of a machine": r"(?<![\w.])/(?:home|Users|root|work)/[\w.-]+",
    "a package index": r"(?i)(?:index-url|registry)\s*[=:]\s*[\"']?https?://",
    "an e-mail that could be somebody's": (
        r"\b[\w.+-]+@(?!(?:[\w-]+\.)*example\.(?:com|org|net)\b)"
        r"(?:gmail|yahoo|outlook|hotmail|icloud|healbridge)\.\w+"
    ),
}


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return listed.stdout.splitlines()


def found_in(text: str) -> set[str]:
    return {name for name, pattern in RULES.items() if re.search(pattern, text)}


def test_no_tracked_file_holds_what_belongs_elsewhere() -> None:
    bad: dict[str, set[str]] = {}
    for name in tracked():
        path = REPOSITORY / name
        if not path.is_file():  # deleted and not yet committed
            continue
        found = found_in(path.read_bytes().decode(errors="ignore"))
        if found and path != Path(__file__):
            bad[name] = found
    assert bad == {}


def test_no_environment_file_or_key_is_tracked() -> None:
    suspicious = re.compile(r"(^|/)\.env($|\.)|\.(pem|key|p12|pfx|jks|tfstate|tfvars\.json)$")
    assert [name for name in tracked() if suspicious.search(name)] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("-----BEGIN RSA PRIVATE " + "KEY-----", "a private key"),
        ("AKIA" + "A" * 16, "an AWS key id"),
        ("sk-proj-" + "a" * 24, "an OpenAI key"),
        ("eyJ" + "a" * 12 + ".eyJ" + "b" * 12 + "." + "c" * 24, "a signed token"),
        ("postgres://app:hunter2" + "@db/core", "a password in a connection string"),
        ("/home/" + "somebody/project", "a path of a machine"),
        ("registry" + "=https://packages.example.com", "a package index"),
        ("asha.rao@" + "gmail.com", "an e-mail that could be somebody's"),
    ],
)
def test_each_would_be_noticed(text: str, name: str) -> None:
    assert name in found_in(text)
