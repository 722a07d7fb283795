"""What Terraform grants in Firebase is what the functions' code uses; the catalog cannot tell."""

from __future__ import annotations

import re
from pathlib import Path

from shared import catalog

ROOT = Path(__file__).parents[2]
AUTH = re.compile(r"firebaseauth|custom_role\.(claims|canary)")
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


def _those_with(role: str) -> set[str]:
    return {name for name, roles in _granted().items() if role in roles}


def test_every_function_that_uses_accounts_may_and_no_other() -> None:
    granted = {name for name, roles in _granted().items() if AUTH.search(roles)}
    through_shared = {"reconcile"}  # lists accounts in shared/reconciliations.py
    assert granted == _functions_whose_code_has(r"\bto\.accounts\b") | through_shared


def test_every_function_that_uses_firestore_may_and_those_that_only_read_it_only_read() -> None:
    assert _those_with("roles/datastore.viewer") == _functions_whose_code_has(r"\bto\.profiles\b")
    assert _those_with("roles/datastore.user") == _functions_whose_code_has(
        r"\bto\.(inboxes|shown_appointments)\b"
    )


def test_only_functions_that_set_claims_may_change_accounts() -> None:
    changing = {name for name, roles in _granted().items() if "custom_role.claims" in roles}
    assert changing == _functions_whose_code_has(r"\.set_claims\(")


def test_only_functions_that_create_accounts_may_and_all_others_only_read_them() -> None:
    makers = {name for name, roles in _granted().items() if "custom_role.canary" in roles}
    assert makers == _functions_whose_code_has(r"\baccounts\.create\(")
    others = _functions_whose_code_has(r"\.set_claims\(") | makers
    reading = {r for name, r in _granted().items() if AUTH.search(r) and name not in others}
    assert reading == {'"roles/firebaseauth.viewer"'}
