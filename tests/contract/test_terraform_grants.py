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


def test_every_function_that_uses_accounts_may_and_no_other() -> None:
    assert set(_granted()) == _functions_whose_code_has(r"\bto\.accounts\b")


def test_only_functions_that_set_claims_may_change_accounts() -> None:
    changing = {name for name, roles in _granted().items() if "custom_role.claims" in roles}
    assert changing == _functions_whose_code_has(r"\.set_claims\(")


def test_all_others_only_read_accounts() -> None:
    setters = _functions_whose_code_has(r"\.set_claims\(")
    reading = {name: roles for name, roles in _granted().items() if name not in setters}
    assert set(reading.values()) == {'"roles/firebaseauth.viewer"'}
