"""Every reason code that the code can write has a text that says what to do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shared.status.remedies import EXACT, FAMILIES, find, remedy

REPOSITORY = Path(__file__).parents[2]
RAISED = {"TransientError", "PermanentError", "ContendedError"}
# Notes beside a profile, not reasons in the ledger.
NOTES = {"phone_differs", "email_differs"}


def codes() -> set[str]:
    """Return the codes that errors are raised with; of a formatted one its fixed beginning."""
    found: set[str] = set()
    for path in [*(REPOSITORY / "shared").rglob("*.py"), *(REPOSITORY / "functions").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name, first = getattr(node.func, "id", ""), node.args[0]
            if name not in RAISED:
                continue
            if isinstance(first, ast.Constant):
                found.add(str(first.value))
            elif isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
                found.add(f"{first.values[0].value}x")
    return found


def test_every_code_that_is_raised_has_a_text() -> None:
    raised = codes()
    assert len(raised) > 50
    assert sorted(code for code in raised if find(code) is None) == []


def test_every_code_that_a_statement_writes_has_a_text() -> None:
    stores = (REPOSITORY / "shared/stores").glob("*.py")
    migrations = (REPOSITORY / "infra/core/migrations").glob("*.sql")
    written = {
        code
        for text in (path.read_text(encoding="utf-8") for path in (*stores, *migrations))
        for code in re.findall(r"\b(?:then|else) '([a-z]+(?:_[a-z]+)+)'(?! as)", text)
    } - NOTES
    assert {"patient_not_in_core", "user_not_in_core", "role_differs"} <= written
    assert sorted(code for code in written if find(code) is None) == []


@pytest.mark.parametrize(
    "code",
    ["core_40001", "supabase_23505", "unknown_keyerror", "aws_slowdown", "storage_slowdown"],
)
def test_a_vendors_code_has_the_text_of_its_family(code: str) -> None:
    assert remedy(code) in {text.strip() for text in FAMILIES.values()}


@pytest.mark.parametrize("where", ["aws", "storage"])
@pytest.mark.parametrize("code", ["unreachable", "unreadable", "accessdenied", "403"])
def test_what_a_file_store_refuses_has_a_text(where: str, code: str) -> None:
    assert find(f"{where}_{code}")


def test_a_code_of_a_version_that_is_gone_is_answered_too() -> None:
    assert remedy("no_longer_written") == remedy(None) == EXACT["unknown_refusal"]
