"""A PDF is copied once and whole to its patient's folder."""

from __future__ import annotations

import pytest

from shared.errors import TransientError
from tests.memory.clients import MemoryClients
from tests.memory.files import BUCKET
from tests.memory.place import no_hook
from tests.steps.conftest import Send
from tests.steps.prescribed_pdf import (
    PATH,
    PDF,
    STEP,
    SUMMARY,
    URL,
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


def test_the_pdf_is_copied_and_the_mirror_names_the_copy(to: MemoryClients, send: Send) -> None:
    send("prescription-changed", ref(to))
    assert to.files.files == {PATH: PDF}
    row = mirror(to)
    assert row is not None
    assert row["file_url"] == PATH
    assert chunks(to)
    copy = to.memory_core.pdf_copies["rx1", PATH]
    assert (copy.size, copy.owner) == (len(PDF), "u1")


def test_delivered_five_times_it_is_copied_once_and_forwarded_five_times(
    to: MemoryClients, send: Send
) -> None:
    event = ref(to)
    for _ in range(5):
        send("prescription-changed", event)
    assert to.files.uploads == [PATH]
    assert len(to.bus.of("prescription-pdf-copied")) == 5
    assert len(to.memory_embedder.embedded) == len(chunks(to))


def test_a_pdf_that_was_drawn_again_under_its_url_is_copied_again(
    to: MemoryClients, send: Send
) -> None:
    send("prescription-changed", ref(to))
    to.pdfs.pdfs[URL] = b"%PDF-1.4 drawn again"
    send("prescription-changed", ref(to))
    assert to.files.files[PATH] == b"%PDF-1.4 drawn again"


@pytest.mark.parametrize("now", [None, b"something else"])
def test_a_copy_that_is_not_the_recorded_one_any_more_is_made_again(
    to: MemoryClients, send: Send, now: bytes | None
) -> None:
    send("prescription-changed", ref(to))
    if now is None:
        del to.files.files[PATH]
    else:
        to.files.files[PATH] = now
    send("prescription-changed", ref(to))
    assert to.files.files == {PATH: PDF}


def test_another_url_replaces_the_copy(to: MemoryClients, send: Send) -> None:
    send("prescription-changed", ref(to))
    other = f"s3://{BUCKET}/second.pdf"
    to.pdfs.pdfs[other] = b"%PDF-1.4 second"
    prescribe(to, pdf_url=other)
    send("prescription-changed", ref(to))
    assert to.files.files == {PATH: b"%PDF-1.4 second"}


@pytest.mark.parametrize("url", [None, "  "])
def test_without_a_pdf_the_chain_goes_on_without_a_file(
    to: MemoryClients, send: Send, url: str | None
) -> None:
    send("prescription-changed", ref(to))
    prescribe(to, pdf_url=url)
    send("prescription-changed", ref(to))
    row = mirror(to)
    assert row is not None
    assert row["file_url"] is None
    assert to.files.files == {}
    assert standing(to).error_code is None


def test_a_missing_pdf_is_flagged_and_copied_by_a_later_resync_of_the_same_version(
    to: MemoryClients, send: Send
) -> None:
    del to.pdfs.pdfs[URL]
    event = ref(to)
    send("prescription-changed", event)
    assert (standing(to).state, standing(to).error_code) == ("done", "pdf_missing")
    row = mirror(to)
    assert row is not None
    assert row["file_url"] is None
    to.pdfs.pdfs[URL] = PDF
    send("prescription-changed", event)
    row = mirror(to)
    assert row is not None
    assert row["file_url"] == PATH
    assert standing(to).error_code is None


def test_a_pdf_that_disappears_takes_its_copy_with_it(to: MemoryClients, send: Send) -> None:
    send("prescription-changed", ref(to))
    del to.pdfs.pdfs[URL]
    send("prescription-changed", ref(to))
    row = mirror(to)
    assert row is not None
    assert (row["file_url"], to.files.files) == (None, {})


def test_a_truncated_source_is_never_visible_and_comes_again(to: MemoryClients) -> None:
    to.pdfs.cut.add(URL)
    step_once(to)
    assert to.files.files == {}
    assert standing(to).error_code == "pdf_truncated"
    assert mirror(to) is None
    to.pdfs.cut.clear()
    to.run()
    assert to.files.files == {PATH: PDF}


@pytest.mark.parametrize("code", ["aws_accessdenied", "aws_unreachable", "aws_slowdown"])
def test_what_keeps_us_from_reading_is_waited_for_and_nothing_is_acknowledged(
    to: MemoryClients, code: str
) -> None:
    to.pdfs.errors[URL] = TransientError(code)
    assert not step_once(to)
    assert standing(to).error_code == code
    to.pdfs.errors.clear()
    to.run()
    assert to.files.files == {PATH: PDF}


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://elsewhere.example.com/rx1.pdf", "pdf_host_not_allowed"),
        ("https://169.254.169.254/latest/meta-data", "pdf_host_not_allowed"),
        ("s3://somebody-elses/rx1.pdf", "pdf_bucket_not_allowed"),
        ("file:///etc/passwd", "pdf_url_unreadable"),
    ],
)
def test_a_url_that_may_not_be_read_is_parked(
    to: MemoryClients, send: Send, url: str, code: str
) -> None:
    prescribe(to, pdf_url=url)
    send("prescription-changed", ref(to))
    assert (standing(to).state, standing(to).error_code) == ("parked", code)
    assert to.files.files == {}


def test_one_poisoned_prescription_of_a_hundred_is_parked_alone(
    to: MemoryClients, send: Send
) -> None:
    for number in range(100):
        prescribe(to, f"rx-{number}")
    prescribe(to, "rx-41", pdf_url="https://elsewhere.example.com/a.pdf")
    send("prescription-changed", *[ref(to, f"rx-{number}") for number in range(100)])
    states = {key: row.state for (_, key, step), row in to.memory_core.ledger_rows.items()
              if step == STEP}  # fmt: skip
    assert [key for key, state in states.items() if state != "done"] == ["rx-41"]
    assert len(to.files.files) == 99
    assert sum(mirror(to, f"rx-{number}") is not None for number in range(100)) == 99


def test_a_hundred_take_two_round_trips_to_core_and_none_to_supabase(
    to: MemoryClients, send: Send
) -> None:
    for number in range(100):
        prescribe(to, f"rx-{number}")
    effects: list[str] = []
    for place in (to.memory_core, to.memory_supabase):
        place.hook = lambda moment, name: effects.append(name) if moment == "before" else None
    send("prescription-changed", *[ref(to, f"rx-{number}") for number in range(100)])
    assert effects[:4] == [
        "core_tombstones.buried",
        "core_pdf_copies.open",
        "core_pdf_copies.settle",
        "core_tombstones.buried",  # the mirror's
    ]


def test_one_that_must_wait_does_not_hold_up_the_others(to: MemoryClients) -> None:
    late = f"s3://{BUCKET}/late.pdf"
    to.pdfs.errors[late] = TransientError("aws_accessdenied")
    prescribe(to, "rx2", pdf_url=late)
    step_once(to, "rx1", "rx2")
    assert to.files.files == {PATH: PDF}
    assert standing(to, key="rx2").state == "retrying"


def test_a_change_while_copying_is_copied_too(to: MemoryClients, send: Send) -> None:
    other = f"s3://{BUCKET}/second.pdf"
    to.pdfs.pdfs[other] = b"%PDF-1.4 second"

    def change(moment: str, name: str) -> None:
        if (moment, name) == ("after", "storage.upload") and to.pdfs.opened == [URL]:
            prescribe(to, pdf_url=other)

    to.files.hook = change
    send("prescription-changed", ref(to))
    assert to.files.files == {PATH: b"%PDF-1.4 second"}


def test_an_old_pdf_that_is_uploaded_last_is_replaced_by_the_new_one(
    to: MemoryClients, send: Send
) -> None:
    """One step has the old file in hand while another copies the new one to its end."""
    other = f"s3://{BUCKET}/second.pdf"
    to.pdfs.pdfs[other] = b"%PDF-1.4 second"

    def overtake(moment: str, name: str) -> None:
        if (moment, name) == ("before", "storage.upload"):
            to.files.hook = no_hook
            prescribe(to, pdf_url=other)
            send("prescription-changed", ref(to))
            assert to.files.files == {PATH: b"%PDF-1.4 second"}

    to.files.hook = overtake
    send("prescription-changed", ref(to))
    assert to.files.files == {PATH: b"%PDF-1.4 second"}
    assert to.pdfs.opened == [URL, other, other]


def test_an_older_event_after_a_newer_one_changes_nothing(to: MemoryClients, send: Send) -> None:
    old = ref(to)
    prescribe(to, summary=SUMMARY | {"status": "revoked"})
    send("prescription-changed", ref(to))
    send("prescription-changed", old)
    row = mirror(to)
    assert row is not None
    assert (row["revoked"], to.files.files) == (True, {})


def test_a_patient_whose_account_changes_takes_the_file_along(
    to: MemoryClients, send: Send
) -> None:
    send("prescription-changed", ref(to))
    to.memory_core.put_user("id1", firebase_uid="u2")
    send("prescription-changed", ref(to))
    assert set(to.files.files) == {"documents/u2/prescriptions/rx1.pdf"}


def test_a_patient_without_sign_in_gets_no_copy(to: MemoryClients, send: Send) -> None:
    to.memory_core.put_user("id1", firebase_uid=None)
    send("prescription-changed", ref(to))
    assert to.files.files == {}
    assert standing(to, "mirror_prescription").error_code == "patient_without_sign_in"


def test_a_uid_that_would_lead_into_another_folder_is_parked(to: MemoryClients, send: Send) -> None:
    to.memory_core.put_user("id1", firebase_uid="u2/x")
    send("prescription-changed", ref(to))
    assert standing(to).error_code == "uid_not_a_folder"
