"""Map, files, entry points, cards and README agree: whoever adds a step is told what is missing."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from shared import catalog
from shared.catalog import Function

REPOSITORY = Path(__file__).parents[2]
KNOWN = catalog.load()
FUNCTIONS = list(KNOWN.functions.values())
CARD = ("On", "Does", "Emits", "Safe twice", "Gives up")
TRIGGERS = {
    "auth": "Firebase Auth",
    "blocking": "Firebase Auth",
    "firestore": "Firestore",
    "http": "HTTP",
    "schedule": "schedule",
}
SDKS = (
    "google.cloud", "supabase", "postgrest", "openai", "firebase_admin", "psycopg",
    "functions_framework",
)  # fmt: skip

each_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)


def file_of(function: Function) -> Path:
    return REPOSITORY / "functions" / function.chain / f"{function.name}.py"


def card(function: Function) -> dict[str, str]:
    """Return the fields of the card on top of a function's file."""
    text = ast.get_docstring(ast.parse(file_of(function).read_text(encoding="utf-8"))) or ""
    fields = re.split(r"^([A-Z][a-z ]+):\s+", text, flags=re.MULTILINE)[1:]
    return {name: " ".join(value.split()) for name, value in zip(fields[::2], fields[1::2])}  # noqa: B905


def imported(statement: str) -> set[str]:
    """Return the modules that a statement imports in a fresh process."""
    script = f"{statement}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", script]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, text=True)
    return set(json.loads(answer.stdout))


@each_function
def test_a_function_of_the_catalog_is_an_entry_point_of_its_file(function: Function) -> None:
    import main

    entry = getattr(main, function.name)
    assert inspect.isfunction(entry)
    assert entry.__name__ == function.name
    assert entry.__module__ == function.module
    assert Path(inspect.getfile(inspect.unwrap(entry))) == file_of(function)
    assert list(inspect.signature(entry, follow_wrapped=False).parameters) in (
        ["request"],
        ["event", "context"],  # the first generation gives both
        ["raw"],  # what firebase-functions makes of a Firestore trigger
    )


def test_every_file_of_a_chain_is_a_function_of_the_catalog() -> None:
    files = {p for p in (REPOSITORY / "functions").glob("*/*.py") if p.name != "__init__.py"}
    assert files == {file_of(function) for function in FUNCTIONS}


def test_a_name_that_is_not_in_the_catalog_is_no_entry_point() -> None:
    import main

    assert set(dir(main)) == set(KNOWN.functions)
    with pytest.raises(AttributeError, match="no function named 'drop_tables'"):
        main.__getattr__("drop_tables")


@each_function
def test_a_file_opens_with_a_card_that_has_all_its_lines(function: Function) -> None:
    fields = card(function)
    assert tuple(fields) == CARD
    assert all(fields.values())


@each_function
def test_a_card_names_the_trigger_and_the_topics_of_the_catalog(function: Function) -> None:
    fields = card(function)
    assert (function.topic or TRIGGERS[function.trigger["kind"]]) in fields["On"]
    named = {topic for topic in KNOWN.topics if re.search(rf"\b{topic}\b", fields["Emits"])}
    assert named == set(function.emits)
    assert fields["Emits"].startswith("nothing") is (not function.emits)


@each_function
def test_a_function_names_known_chains_and_topics_and_sane_limits(function: Function) -> None:
    assert function.chain in KNOWN.chains
    assert set(function.emits) <= KNOWN.topics.keys()
    assert function.topic is None or function.topic in KNOWN.topics
    assert function.trigger["kind"] in TRIGGERS.keys() | {"topic"}
    limits = function.limits
    assert limits["timeout_s"] <= limits["ack_deadline_s"] <= 600  # Pub/Sub's bound
    assert 5 <= limits["max_attempts"] <= 100  # Pub/Sub's bounds
    assert 0 <= limits["min_backoff_s"] <= limits["max_backoff_s"] <= 600


@pytest.mark.parametrize("topic", KNOWN.topics)
def test_every_topic_is_produced_and_consumed(topic: str) -> None:
    producers = [function for function in FUNCTIONS if topic in function.emits]
    assert producers or topic == "dead-letter"  # which Pub/Sub produces
    assert KNOWN.consumers(topic)


def test_every_chain_has_functions_and_a_folder_that_says_what_it_is() -> None:
    assert {function.chain for function in FUNCTIONS} == KNOWN.chains.keys()
    for chain in KNOWN.chains:
        assert import_module(f"functions.{chain}").__doc__


@each_function
def test_the_secrets_of_a_function_are_settings_that_are_explained(function: Function) -> None:
    explained = import_module("shared.settings").__doc__ or ""
    assert all(re.search(rf"^{name} ", explained, re.MULTILINE) for name in function.secrets)


@each_function
def test_the_readme_shows_a_function_in_its_chain(function: Function) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    rows = {row.split("|")[1].strip(): row for row in readme.splitlines() if row.startswith("|")}
    assert f"`{function.name}`" in rows[function.chain]


@each_function
def test_a_function_is_tested(function: Function) -> None:
    """In memory; upkeep that lives by its SQL, on real databases."""
    upkeep = ("orphans", "canary", "history", "retry_failed", "status_http")
    tests = [*(REPOSITORY / "tests" / "steps").glob("test_*.py")]
    tests += [REPOSITORY / "tests" / "contract" / f"test_{name}.py" for name in upkeep]
    assert any(function.name in path.read_text(encoding="utf-8") for path in tests)


def test_importing_main_imports_no_sdk() -> None:
    loaded = imported("import main")
    assert not {name for name in loaded if name.startswith(SDKS)}


@pytest.mark.parametrize(
    ("function", "foreign"),
    [
        ("store_document", ("openai", "google.cloud.pubsub", "firebase_admin", "postgrest")),
        ("store_user", ("openai", "google.cloud.pubsub", "firebase_admin", "postgrest")),
        ("relay_core_outbox", ("openai", "google.cloud.pubsub", "firebase_admin", "postgrest")),
        ("announce_user", ("openai", "google.cloud.pubsub", "postgrest", "psycopg")),
    ],
)
def test_a_function_imports_no_sdk_before_it_is_needed(function: str, foreign: Any) -> None:
    loaded = imported(f"import main; main.{function}")
    assert not {name for name in loaded if name.startswith(foreign)}
