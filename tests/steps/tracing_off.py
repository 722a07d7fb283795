"""A whole chain in memory, to be run by a process of its own."""

from __future__ import annotations

import os

from tests.memory.clients import MemoryClients


def run() -> None:
    """Sign up and deliver until all is quiet."""
    os.environ["ID_NAMESPACE"] = "5a1f0c6e-0d5b-4b52-9a4e-0f6f5f4c2b11"
    os.environ["GOOGLE_CLOUD_PROJECT"] = "demo-test"
    from shared.events import Event, Ref
    from shared.observability import tracing

    to = MemoryClients()
    to.firebase.sign_up("u1", phone="+919876543210")
    with tracing.invocation("announce_user"), tracing.call("core", "select 1"):
        to.publish([Event("user-changed", (Ref("user", "u1"),), tracing.continued())])
    to.run()
    assert len(to.memory_core.ledger_rows) >= 3
