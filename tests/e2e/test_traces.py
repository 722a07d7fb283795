"""A sign-up and an upload leave one trace each, in a real receiver's hands, and no content."""

from __future__ import annotations

from typing import Any

from infra.local.demo.people import Person
from shared.events import new_traceparent
from tests.e2e.conftest import Running, eventually
from tests.e2e.test_documents_chain import paper, stored
from tests.e2e.test_users_chain import settled

PHONE, EMAIL = "+919811600077", "traced.person@example.com"
PERSON = Person("Tracedname", "X", "both", PHONE, EMAIL)
DRUG = "Traceddrug"


def whole(running: Running, trace_id: str, *names: str, root: bytes = b"") -> list[Any] | None:
    """
    Return a trace's spans once those of the given names have arrived and every span hangs under
    another of the trace, or under `root`; a parent ends after its children, and so is sent later.
    """
    spans = running.collector.trace(trace_id)
    ids = {span.span_id for span in spans} | {root}
    connected = all(span.parent_span_id in ids for span in spans)
    return spans if connected and set(names) <= {span.name for span in spans} else None


def whole_of(running: Running, trace_ids: list[str], *names: str) -> list[Any] | None:
    """Return the spans of the first of these traces that is whole."""
    found = (whole(running, trace_id, *names) for trace_id in trace_ids)
    return next((spans for spans in found if spans), None)


def names_of(running: Running, trace_ids: list[str]) -> set[str]:
    """Return the names of the spans of some traces."""
    return {span.name for trace_id in trace_ids for span in running.collector.trace(trace_id)}


def traces_of(running: Running, key: str, step: str) -> list[str]:
    """Return the traces in which a step has worked on an entity."""
    query = "select distinct trace_id from sync.journal where key = %s and step = %s"
    return [row["trace_id"] for row in running.core(query, key, step)]


def test_a_sign_up_and_an_upload_are_one_trace_each_from_trigger_to_last_store(
    running: Running,
) -> None:
    uid = running.app.sign_up(PERSON)
    settled(running, uid)
    spans = eventually(
        lambda: whole_of(
            running, traces_of(running, uid, "store_user"), "send user-changed",
            "process user-changed", "send user-stored", "process user-stored",
            "process user-mirrored", "identitytoolkit/get_users",
        )
    )  # fmt: skip
    (root,) = [span for span in spans if not span.parent_span_id]
    assert root.name in {"announce_user", "announce_sign_in"}
    # The profile's event has the user mirrored too: whichever comes first finds the work to do.
    work = {"gotrue/create_user", "identitytoolkit/set_claims"}
    eventually(lambda: work <= names_of(running, traces_of(running, uid, "mirror_user")))

    app = new_traceparent()  # as an instrumented app sends it with its request
    document = paper(uid, DRUG, text=DRUG)
    running.edge.insert([document], traceparent=app)
    eventually(lambda: stored(running, document["id"]))
    spans = eventually(
        lambda: whole(
            running, app[3:35], "send document-changed", "process document-changed",
            "send document-stored", "process document-stored", "embeddings text-embedding-3-small",
            "BatchGetDocuments", "Commit", root=bytes.fromhex(app[36:52]),
        )
    )  # fmt: skip
    # Both steps that a stored document goes to, each on its own copy of the message.
    steps = {a.value.string_value for s in spans for a in s.attributes if a.key == "faas.name"}
    assert steps == {"store_document", "index_document", "notify_document"}

    other = paper(uid, DRUG)
    running.edge.insert([other])
    eventually(lambda: stored(running, other["id"]))
    spans = eventually(
        lambda: whole_of(
            running, traces_of(running, other["id"], "store_document"),
            "send document-changed", "process document-stored",
        )
    )  # fmt: skip
    (root,) = [span for span in spans if not span.parent_span_id]
    assert root.name in {"receive_document", "relay_supabase_outbox"}  # whichever came first

    names = {metric.name for metric in running.collector.metrics}
    assert names >= {
        "messaging.process.duration", "messaging.client.sent.messages", "faas.invoke_duration",
        "db.client.operation.duration", "rpc.client.call.duration", "healbridge.sync.entities",
    }  # fmt: skip
    exported = b"".join(running.collector.bodies)
    for content in (uid, DRUG, PHONE[1:], EMAIL, "Tracedname", document["id"]):
        assert content.encode() not in exported
