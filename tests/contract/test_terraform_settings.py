"""Every setting that the code reads is given by Terraform, or documented as optional."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import catalog, settings

ROOT = Path(__file__).parents[2]
FUNCTIONS_TF = (ROOT / "terraform" / "functions.tf").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "terraform" / "env" / "example.tfvars").read_text(encoding="utf-8")
OPERATORS = {"OWNER_DSN"}  # what a person's shell has, and no function
PLATFORMS = {"FUNCTION_TARGET", "K_REVISION", "K_SERVICE"}  # set by Cloud Run
EMULATORS = {"FIREBASE_AUTH_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST"}
FRAMEWORKS = {"LOG_EXECUTION_ID"}  # read by functions-framework
OPENTELEMETRYS = re.compile(r"OTEL_\w+")  # may be given in the variable `settings`
READERS = {"required", "key", "optional", "positive", "get", "getenv"}


def _read() -> Iterator[tuple[str, str]]:
    """Yield the reader's name and the setting, of every read in the deployed code."""
    for folder in ("functions", "shared"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(
                        func=ast.Attribute(attr=reader) | ast.Name(id=reader),
                        args=[ast.Constant(value=str(name)), *_],
                    ) if reader in READERS and re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", name):
                        yield reader, name
                    case ast.Compare(
                        left=ast.Constant(value=str(name)),
                        comparators=[ast.Attribute(attr="environ")],
                    ):
                        yield "in", name
                    case _:
                        pass


NAMES = {name for _, name in _read()} - PLATFORMS - EMULATORS - OPERATORS
SECRETS = {secret for f in catalog.load().functions.values() for secret in f.secrets}
GIVEN = set(re.findall(r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+) += ", FUNCTIONS_TF)) | SECRETS
_EXAMPLES = re.search(r"^settings = \{\n(.*?)\n\}", EXAMPLE, re.S | re.M)
DEPLOYMENTS = set(re.findall(r"^  (\w+) +=", _EXAMPLES[1] if _EXAMPLES else "", re.M))


def _documented() -> dict[str, str]:
    """Return what shared/settings.py says of each setting."""
    lines = re.findall(r"^([A-Z][A-Z0-9_]+) {1,}(\S.*)$", settings.__doc__ or "", re.M)
    return dict(lines)


def test_reads_are_found() -> None:
    assert {"CORE_DSN", "CALLED_BY", "GOOGLE_CLOUD_PROJECT", "PDF_BUCKETS"} <= NAMES


def test_every_setting_without_a_default_is_given_to_the_functions() -> None:
    required = {name for reader, name in _read() if reader in {"required", "key"}}
    assert required - GIVEN - DEPLOYMENTS == set()


@pytest.mark.parametrize("name", sorted(NAMES - GIVEN - DEPLOYMENTS))
def test_a_setting_that_terraform_does_not_give_is_documented_as_optional(name: str) -> None:
    assert OPENTELEMETRYS.fullmatch(name) or _documented()[name].startswith("optional")


def test_terraform_gives_nothing_that_the_code_does_not_read() -> None:
    assert not (GIVEN | DEPLOYMENTS) - NAMES - FRAMEWORKS


def test_every_documented_setting_is_read() -> None:
    assert _documented().keys() - NAMES - {"OTEL_EXPORTER_OTLP_ENDPOINT"} == set()
