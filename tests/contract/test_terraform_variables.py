"""Every variable of the Terraform is described and, where its type leaves a choice, validated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "terraform"
VARIABLES = {
    name: body
    for file in sorted(ROOT.glob("variables*.tf"))
    for name, body in re.findall(
        r'^variable "(\w+)" \{\n(.*?)^\}', file.read_text(encoding="utf-8"), re.S | re.M
    )
}
# Looked at where they are used: by the rules of a catalog (rules.tf), and for a file that is there.
ELSEWHERE = {"catalog", "source_zip"}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_says_what_it_is_and_refuses_what_it_cannot_be(name: str) -> None:
    body = VARIABLES[name]
    said = re.search(r'description += "(.+)"$', body, re.M)
    assert said is not None
    assert len(said[1]) > 10
    free = "type        = bool" in body or name in ELSEWHERE
    assert free == ("validation {" not in body)


@pytest.mark.parametrize("file", sorted(ROOT.glob("*.tf")), ids=lambda file: file.name)
def test_variables_and_outputs_stand_in_alphabetical_order(file: Path) -> None:
    names = re.findall(r'^(?:variable|output) "(\w+)"', file.read_text(encoding="utf-8"), re.M)
    assert names == sorted(names)
