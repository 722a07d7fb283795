"""The stores in memory offer exactly what the real ones offer, and share their contract tests."""

from __future__ import annotations

import ast
import inspect
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from shared.clients import Clients
from tests.memory.clients import MemoryClients
from tests.memory.place import Place

STORES = {
    "accounts": "shared.stores.accounts.Accounts",
    "profiles": "shared.stores.profiles.Profiles",
    "ledger": "shared.stores.ledger.Ledger",
    "core_profiles": "shared.stores.core_profiles.CoreProfiles",
    "core_doctors": "shared.stores.core_doctors.CoreDoctors",
    "core_conflicts": "shared.stores.core_conflicts.CoreConflicts",
    "core_users": "shared.stores.core_users.CoreUsers",
    "core_documents": "shared.stores.core_documents.CoreDocuments",
    "core_prescriptions": "shared.stores.core_prescriptions.CorePrescriptions",
    "core_appointments": "shared.stores.core_appointments.CoreAppointments",
    "core_notifications": "shared.stores.core_notifications.CoreNotifications",
    "firestore": "shared.stores.firestore.Firestore",
    "shown_appointments": "shared.stores.shown_appointments.ShownAppointments",
    "inboxes": "shared.stores.inboxes.Inboxes",
    "core_pdf_copies": "shared.stores.core_pdf_copies.CorePdfCopies",
    "pdf_sources": "shared.stores.pdf_sources.PdfSources",
    "storage": "shared.stores.storage.Storage",
    "core_outbox": "shared.stores.core_outbox.CoreOutbox",
    "supabase_users": "shared.stores.supabase_users.SupabaseUsers",
    "supabase_documents": "shared.stores.supabase_documents.SupabaseDocuments",
    "core_tombstones": "shared.stores.core_tombstones.CoreTombstones",
    "core_erasures": "shared.stores.core_erasures.CoreErasures",
    "supabase_patients": "shared.stores.supabase_patients.SupabasePatients",
    "firebase_patients": "shared.stores.firebase_patients.FirebasePatients",
    "dead_letters": "shared.stores.dead_letters.DeadLetters",
    "supabase_outbox": "shared.stores.supabase_outbox.SupabaseOutbox",
    "core_canary": "shared.stores.core_canary.CoreCanary",
    "core_digests": "shared.stores.core_digests.CoreDigests",
    "core_findings": "shared.stores.core_findings.CoreFindings",
    "supabase_digests": "shared.stores.supabase_digests.SupabaseDigests",
    "core_replays": "shared.stores.core_replays.CoreReplays",
}
OTHERS = {"publisher", "core", "supabase", "embedder", "messaging"}  # bus, places, providers
TESTS = Path(__file__).parent
PROVIDERS = {
    "publisher": "shared.publisher.Publisher",
    "embedder": "shared.search.embeddings.Embedder",
    "messaging": "shared.notices.push.Messaging",
}
OWN = {"limits"}  # a function's own, on the deployment's clock: in memory it is the real thing


def methods(kind: type) -> dict[str, Any]:
    """Return the signatures of a store's public methods, as written."""
    return {
        name: inspect.signature(member)
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and name not in vars(Place)
    }


@pytest.mark.parametrize("name", STORES)
def test_a_store_in_memory_has_the_methods_of_the_real_one(name: str) -> None:
    module, _, real = STORES[name].rpartition(".")
    in_memory = type(getattr(MemoryClients(), name))
    assert methods(in_memory) == methods(getattr(import_module(module), real))


def test_every_client_of_a_step_is_there_in_memory() -> None:
    offered = {n for n, member in vars(Clients).items() if isinstance(member, cached_property)}
    assert offered == STORES.keys() | OTHERS | OWN
    assert offered - OWN <= vars(MemoryClients()).keys()


@cache
def imported(file: Path) -> frozenset[str]:
    """Return what a contract test imports, by itself, its fixtures, or what it imports of ours."""
    names: set[str] = set()
    fixtures = file.with_name("conftest.py")
    if file.parent != TESTS and file.name.startswith("test_") and fixtures.exists():
        names |= imported(fixtures)  # not those of all contract tests, which make every store
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names}
            _, _, module = (node.module or "").partition("tests.contract.")
            if module:
                names |= imported(TESTS / f"{module.replace('.', '/')}.py")
    return frozenset(names)


@cache
def mentioned(file: Path) -> frozenset[str]:
    """Return the attributes that a contract test asks for, whosever they are."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return frozenset(node.attr for node in nodes if isinstance(node, ast.Attribute))


@pytest.mark.parametrize("name", [*STORES, *PROVIDERS])
def test_every_method_of_a_store_in_memory_is_in_a_test_shared_with_the_real_one(name: str) -> None:
    module, _, real = (STORES | PROVIDERS)[name].rpartition(".")
    in_memory = type(getattr(MemoryClients(), name))
    if in_memory.__name__ == real:
        return
    shared = [t for t in TESTS.rglob("test_*.py") if {in_memory.__name__, real} <= imported(t)]
    assert shared, f"no contract test runs on {in_memory.__name__} and {real}"
    both = methods(in_memory).keys() & methods(getattr(import_module(module), real)).keys()
    untested = both - {attribute for test in shared for attribute in mentioned(test)}
    assert not untested, f"no contract test runs {real}'s {untested} on both"
