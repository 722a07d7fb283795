"""What is revoked or deleted is hidden first, and whatever is under way leaves nothing of it."""

from __future__ import annotations

import pytest

from shared.errors import TransientError
from shared.outcomes import FORWARDED
from tests.memory.clients import MemoryClients
from tests.memory.place import no_hook
from tests.steps.conftest import Send
from tests.steps.prescribed_pdf import (
    PATH,
    PDF,
    SUMMARY,
    bring_prescription,
    chunks,
    mirror,
    prescribe,
    ref,
    standing,
    step_once,
)


@pytest.fixture(autouse=True)
def _prescribed(to: MemoryClients) -> None:
    bring_prescription(to)


def test_a_copy_made_just_before_a_crash_goes_with_its_prescription(to: MemoryClients) -> None:
    def crash(moment: str, name: str) -> None:
        if (moment, name) == ("before", "core_pdf_copies.settle"):
            raise TransientError("core_unreachable")

    to.memory_core.hook = crash
    step_once(to)
    assert to.files.files == {PATH: PDF}
    to.memory_core.hook = no_hook
    to.memory_core.delete_prescription("rx1")
    to.run()
    assert to.files.files == {}


def test_a_deleted_prescription_takes_mirror_chunks_copy_and_links(
    to: MemoryClients, send: Send
) -> None:
    send("prescription-changed", ref(to))
    to.memory_core.delete_prescription("rx1")
    for _ in range(5):
        send("prescription-changed", ref(to))
    assert (mirror(to), chunks(to), to.files.files) == (None, [], {})
    assert to.memory_core.unlinked == {("prescription", "rx1")}


def test_a_revoked_prescription_is_marked_and_hidden(to: MemoryClients, send: Send) -> None:
    send("prescription-changed", ref(to))
    prescribe(to, summary=SUMMARY | {"status": "revoked"})
    send("prescription-changed", ref(to))
    row = mirror(to)
    assert row is not None
    assert (row["revoked"], row["file_url"]) == (True, None)
    assert (chunks(to), to.files.files) == ([], {})
    assert standing(to, "mirror_prescription").error_code == "prescription_revoked"


@pytest.mark.parametrize("end", ["revoked", "deleted"])
def test_hiding_is_the_first_effect_of_a_revocation_or_deletion(
    to: MemoryClients, send: Send, end: str
) -> None:
    send("prescription-changed", ref(to))
    if end == "revoked":
        prescribe(to, summary=SUMMARY | {"revoked": True})
    else:
        to.memory_core.delete_prescription("rx1")
    effects: list[str] = []
    for place in to.places:
        place.hook = lambda moment, name: effects.append(name) if moment == "before" else None
    to.files.error = TransientError("storage_unreachable")
    step_once(to)
    before = {"bus.publish prescription-changed", "core_tombstones.buried"}
    reads = before | {"core_pdf_copies.open"}
    assert next(name for name in effects if name not in reads) == "supabase_documents.hide"
    row = mirror(to)
    assert row is not None
    assert row["revoked"]
    assert chunks(to) == []
    to.files.error = None
    to.run()
    assert to.files.files == {}


def test_a_prescription_of_another_patient_now_is_hidden_although_its_copy_must_wait(
    to: MemoryClients, send: Send
) -> None:
    send("prescription-changed", ref(to))
    to.memory_core.put_user("id2", firebase_uid="u2")
    to.memory_core.put_patient("id2", "p2")
    to.memory_core.put_prescription("rx1", "id2")
    to.files.error = TransientError("storage_unreachable")
    step_once(to)
    row = mirror(to)
    assert row is not None
    assert (row["patient_id"], row["revoked"]) == ("u1", True)
    assert chunks(to) == []
    to.files.error = None
    to.run()
    row = mirror(to)
    assert row is not None
    assert (row["patient_id"], row["revoked"]) == ("u2", False)
    assert [chunk["patient_id"] for chunk in chunks(to)] == ["u2"]
    assert to.files.files == {"documents/u2/prescriptions/rx1.pdf": PDF}


def test_to_copy_remove_and_give_up_in_one_batch_core_is_used_twice(
    to: MemoryClients, send: Send
) -> None:
    for key in ("rx2", "rx3", "rx4"):
        prescribe(to, key)
    send("prescription-changed", *[ref(to, key) for key in ("rx2", "rx3")])
    prescribe(to, "rx2", summary=SUMMARY | {"revoked": True})
    to.memory_core.delete_prescription("rx3")
    prescribe(to, "rx4", summary="no object")
    used: list[str] = []
    to.memory_core.hook = lambda moment, name: used.append(name) if moment == "before" else None
    step_once(to, "rx1", "rx2", "rx3", "rx4")
    assert used == ["core_tombstones.buried", "core_pdf_copies.open", "core_pdf_copies.settle"]
    assert to.files.files == {PATH: PDF}
    assert standing(to, key="rx4").error_code == "prescription_summary_unreadable"


def test_an_index_under_way_leaves_nothing_of_what_is_revoked_meanwhile(
    to: MemoryClients, send: Send
) -> None:
    def revoke(moment: str, name: str) -> None:
        if moment == "before":
            prescribe(to, summary=SUMMARY | {"status": "revoked"})

    to.memory_embedder.hook = revoke
    send("prescription-changed", ref(to))
    to.memory_embedder.hook = no_hook
    send("prescription-changed", ref(to))
    row = mirror(to)
    assert row is not None
    assert (row["revoked"], chunks(to)) == (True, [])


def test_a_late_event_of_the_index_does_not_pass_on_what_is_revoked(
    to: MemoryClients, send: Send
) -> None:
    old = ref(to)
    send("prescription-changed", old)
    prescribe(to, summary=SUMMARY | {"status": "revoked"})
    send("prescription-changed", ref(to))
    send("prescription-mirrored", old)
    assert standing(to, "index_prescription").error_code == "prescription_revoked"
    assert standing(to, "index_prescription").state not in FORWARDED
    assert chunks(to) == []


def test_a_prescription_that_is_valid_again_is_whole_again(to: MemoryClients, send: Send) -> None:
    prescribe(to, summary=SUMMARY | {"status": "revoked"})
    send("prescription-changed", ref(to))
    prescribe(to)
    send("prescription-changed", ref(to))
    row = mirror(to)
    assert row is not None
    assert (row["revoked"], row["file_url"]) == (False, PATH)
    assert (bool(chunks(to)), to.files.files) == (True, {PATH: PDF})
