"""What Terraform grants in Firebase is what the functions' code uses; the catalog cannot tell."""

from __future__ import annotations

import re
from pathlib import Path

from shared import catalog

ROOT = Path(__file__).parents[2]
GRANTS = (ROOT / "terraform" / "grants.tf").read_text(encoding="utf-8")


def _granted() -> dict[str, str]:
    """Return the text of each function's roles, from the table `firebase_roles`."""
    table = re.search(r"firebase_roles = \{\n(.*?)\n  \}", GRANTS, re.S)
    assert table is not None
    return dict(re.findall(r"^ +(\w+) += \[(.*)\]$", table[1], re.M))


def _code(name: str) -> str:
    module = catalog.load().functions[name].module
    return (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")


def _functions_whose_code_has(pattern: str) -> set[str]:
    return {name for name in catalog.load().functions if re.search(pattern, _code(name))}


def _with_role(role: str) -> set[str]:
    return {name for name, roles in _granted().items() if role in roles}


def test_every_function_that_uses_accounts_may_and_no_other() -> None:
    own = ("claims", "canary", "erasures")
    accounts = _with_role("firebaseauth.").union(*(_with_role(f"role.{name}") for name in own))
    # Reconciliation reaches the accounts through its table of comparisons.
    assert accounts == _functions_whose_code_has(r"\bto\.accounts\b") | {"reconcile"}


def test_only_functions_that_set_claims_may_change_accounts() -> None:
    assert _with_role("role.claims") == _functions_whose_code_has(r"\.set_claims\(")


def test_only_the_canary_may_create_accounts() -> None:
    assert _with_role("role.canary") == _functions_whose_code_has(r"accounts\.create\(")


def test_only_the_erasure_may_delete_accounts() -> None:
    assert _with_role("role.erasures") == _functions_whose_code_has(r"accounts\.delete\(")


def test_only_functions_that_keep_inboxes_or_show_appointments_may_write_firestore() -> None:
    writers = _functions_whose_code_has(
        r"\bto\.(inboxes|shown|appointment_views|firestore)\b|shown_appointments|show_appointment|repair\.orphans"
    )
    assert _with_role('"roles/datastore.user"') == writers
    readers = _functions_whose_code_has(r"\bto\.(profiles|firebase_patients)\b") - writers
    # Reconciliation reaches Firestore, too, through its table of comparisons.
    assert _with_role('"roles/datastore.viewer"') == readers | {"reconcile"}


def test_only_functions_that_notify_may_push() -> None:
    assert _with_role("role.pushes") == _functions_whose_code_has(r"\bto\.inboxes\b")
