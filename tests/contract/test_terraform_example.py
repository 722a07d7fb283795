"""The example of a deployment's variables names what the catalog needs."""

from __future__ import annotations

import re
from pathlib import Path

from infra.logins import setting
from shared import catalog

EXAMPLE = (Path(__file__).parents[2] / "terraform" / "env" / "example.tfvars").read_text()


def _keys(table: str) -> set[str]:
    body = re.search(rf"^{table} = \{{\n(.*?)\n\}}", EXAMPLE, re.S | re.M)
    assert body is not None
    return set(re.findall(r"^  (\w+) +=", body[1], re.M))


def test_the_example_pins_every_secret_and_no_other() -> None:
    needed = {
        setting(f.core_role) if secret == "CORE_DSN" and f.core_role else secret
        for f in catalog.load().functions.values()
        for secret in f.secrets
    }
    assert _keys("secret_versions") == needed


def test_the_example_names_callers_of_functions_that_exist() -> None:
    assert _keys("callers") <= set(catalog.load().functions)
