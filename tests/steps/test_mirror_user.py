"""A core user is mirrored in Supabase auth; the newest state wins, no contact is taken over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared import settings
from shared.errors import ContendedError, TransientError
from shared.events import Ref
from shared.ids import user_id
from shared.models.users import AuthUser
from tests.memory import faults
from tests.memory.clients import MemoryClients
from tests.memory.core_ledger import LedgerRow
from tests.memory.place import no_hook
from tests.steps.conftest import Send

PHONE = "+919876543210"
EMAIL = "asha@example.com"


@pytest.fixture(autouse=True)
def _user(to: MemoryClients) -> None:
    put(to)


def put(to: MemoryClients, uid: str = "u1", **columns: object) -> None:
    given = {"firebase_uid": uid, "phone": PHONE, "email": EMAIL, "verified": True}
    to.memory_core.put_user(f"id-{uid}", **given | columns)


def ref(uid: str = "u1") -> Ref:
    return Ref("user", uid, 1)


def auth(to: MemoryClients, uid: str = "u1") -> AuthUser:
    return to.memory_supabase.auth_users[user_id(settings.id_namespace(), uid)]


def standing(to: MemoryClients, uid: str = "u1") -> LedgerRow:
    return to.memory_core.ledger_rows["user", uid, "mirror_user"]


def writes(to: MemoryClients) -> list[str]:
    """Start to note the writes to Supabase auth."""
    noted: list[str] = []
    names = {"supabase_users.create", "supabase_users.update"}
    to.memory_supabase.hook = lambda moment, name: (
        noted.append(name) if moment == "before" and name in names else None
    )
    return noted


def test_a_user_is_created_with_confirmed_contacts_and_its_ids_and_role(
    to: MemoryClients, send: Send
) -> None:
    to.memory_core.put_patient("id-u1", "p1", "Asha Rao")
    send("user-stored", ref())
    mirror = auth(to)
    assert (mirror.email, mirror.phone) == (EMAIL, PHONE[1:])
    assert (mirror.email_confirmed, mirror.phone_confirmed) == (True, True)
    ids = {"firebase_uid": "u1", "postgres_id": "id-u1", "role": "PATIENT"}
    assert ids.items() <= mirror.app_metadata.items()
    assert (ids | {"name": "Asha Rao"}).items() <= mirror.user_metadata.items()
    assert standing(to).source_version == to.memory_core.outbox.version("user", "u1")


def test_a_mirror_that_agrees_is_not_written_again_and_is_still_forwarded(
    to: MemoryClients, send: Send
) -> None:
    noted = writes(to)
    for _ in range(5):
        send("user-stored", ref())
    assert noted == ["supabase_users.create"]
    assert len(to.bus.of("user-mirrored")) == 5


def test_a_changed_role_and_contact_are_changed_in_the_mirror(
    to: MemoryClients, send: Send
) -> None:
    send("user-stored", ref())
    put(to, role="DOCTOR", phone="+919876543211")
    send("user-stored", ref())
    assert auth(to).phone == "919876543211"
    assert auth(to).app_metadata["role"] == "DOCTOR"


def test_an_unverified_email_is_confirmed_once_it_is_verified(
    to: MemoryClients, send: Send
) -> None:
    put(to, verified=False)
    send("user-stored", ref())
    assert (auth(to).email_confirmed, auth(to).phone_confirmed) == (False, True)
    put(to, verified=True)
    send("user-stored", ref())
    assert auth(to).email_confirmed


def test_what_a_user_edited_in_its_own_metadata_is_set_right_and_the_rest_is_kept(
    to: MemoryClients, send: Send
) -> None:
    send("user-stored", ref())
    edited = auth(to).user_metadata | {"role": "DOCTOR", "theme": "dark"}
    to.memory_supabase.auth_users[auth(to).id] = replace(auth(to), user_metadata=edited)
    send("user-stored", ref())
    assert auth(to).user_metadata["role"] == "PATIENT"
    assert auth(to).user_metadata["theme"] == "dark"


def test_a_user_that_changes_while_it_is_written_is_written_again(
    to: MemoryClients, send: Send
) -> None:
    faults.at(
        to.memory_supabase,
        "supabase_users.create",
        lambda: put(to, phone="+919876543211"),
        moment="after",
    )
    send("user-stored", ref())
    assert auth(to).phone == "919876543211"
    assert standing(to).source_version == to.memory_core.outbox.version("user", "u1")
    assert len(to.bus.of("user-mirrored")) == 1


def test_a_user_that_keeps_changing_is_refused_and_mirrored_later(
    to: MemoryClients, send: Send
) -> None:
    phones = iter(range(10**9, 10**9 + 100))
    faults.at(
        to.memory_supabase,
        "supabase_users.find",
        lambda: put(to, phone=f"+91{next(phones)}"),
        moment="after",
        times=4,
    )
    send("user-stored", ref())
    assert to.bus.refusals == [("mirror_user", "source_keeps_moving")]
    assert auth(to).phone == to.memory_core.user_rows["id-u1"]["phone"][1:]


def test_a_contact_of_another_auth_user_is_a_conflict_and_goes_on(
    to: MemoryClients, send: Send
) -> None:
    to.supabase_users.create("5d1f0c6e-0000-4000-8000-000000000001", {"email": EMAIL})
    send("user-stored", ref())
    assert (auth(to).email, auth(to).phone) == (None, PHONE[1:])
    assert standing(to).state == "conflict"
    assert to.memory_core.open_conflicts == {
        ("user", "u1", "mirror_user", "email"): "5d1f0c6e-0000-4000-8000-000000000001"
    }
    assert len(to.bus.of("user-mirrored")) == 1
    assert to.bus.refusals == []  # nothing is tried again: a person decides


def test_a_user_whose_every_contact_is_taken_is_a_conflict_and_not_created(
    to: MemoryClients, send: Send
) -> None:
    to.supabase_users.create(
        "5d1f0c6e-0000-4000-8000-000000000001", {"email": EMAIL, "phone": PHONE}
    )
    send("user-stored", ref())
    assert len(to.memory_supabase.auth_users) == 1
    assert standing(to).state == "conflict"


def test_an_auth_user_created_by_a_racing_delivery_is_met_and_brought_up_to_date(
    to: MemoryClients, send: Send
) -> None:
    twin = user_id(settings.id_namespace(), "u1")

    def race() -> None:
        to.memory_supabase.hook = no_hook
        to.supabase_users.create(twin, {"phone": PHONE})

    faults.at(to.memory_supabase, "supabase_users.find", race, moment="after")
    send("user-stored", ref())
    assert to.bus.refusals == []
    assert auth(to).email == EMAIL
    assert auth(to).app_metadata["firebase_uid"] == "u1"
    assert standing(to).state == "done"


def test_one_refused_user_of_a_batch_is_parked_alone(to: MemoryClients, send: Send) -> None:
    for number in range(2, 12):
        put(to, f"u{number}", phone=None, email=f"{number}@example.com")
    put(to, "u5", phone=None, email="not an e-mail")
    send("user-stored", *[ref(f"u{number}") for number in range(1, 12)])
    states = {uid: standing(to, uid).state for uid in (f"u{number}" for number in range(1, 12))}
    assert states.pop("u5") == "parked"
    assert set(states.values()) == {"done"}
    assert standing(to, "u5").error_code == "supabase_validation_failed"
    assert to.bus.refusals == []


def test_a_user_that_core_does_not_have_is_gone(to: MemoryClients, send: Send) -> None:
    send("user-stored", ref("nobody"))
    assert standing(to, "nobody").state == "gone"
    assert to.bus.of("user-mirrored") == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_supabase_that_times_out_is_tried_again_with_one_effect(
    to: MemoryClients, send: Send, moment: str
) -> None:
    error = TransientError("supabase_unreachable")
    faults.fail(to.memory_supabase, "supabase_users.create", error, moment=moment)
    send("user-stored", ref())
    assert to.bus.refusals == [("mirror_user", "supabase_unreachable")]
    assert len(to.memory_supabase.auth_users) == 1
    assert standing(to).state == "done"


def test_a_contact_taken_between_look_and_write_becomes_a_conflict_at_once(
    to: MemoryClients, send: Send
) -> None:
    """GoTrue answers 500 to a change whose contact is taken, and does not say so."""
    send("user-stored", ref())
    other = "5d1f0c6e-0000-4000-8000-000000000001"

    def take() -> None:
        to.memory_supabase.hook = no_hook
        to.supabase_users.create(other, {"phone": "+919876543211"})

    put(to, phone="+919876543211", role="DOCTOR")
    faults.at(to.memory_supabase, "supabase_users.find", take, moment="after")
    send("user-stored", ref())
    assert to.bus.refusals == []
    assert standing(to).state == "conflict"
    assert to.memory_core.open_conflicts == {("user", "u1", "mirror_user", "phone"): other}
    assert auth(to).app_metadata["role"] == "DOCTOR"
    assert auth(to).phone is None  # the old one is not the user's any more


def test_an_auth_user_deleted_between_look_and_write_is_made_again(
    to: MemoryClients, send: Send
) -> None:
    send("user-stored", ref())
    put(to, role="DOCTOR")
    faults.at(
        to.memory_supabase,
        "supabase_users.find",
        to.memory_supabase.auth_users.clear,
        moment="after",
    )
    send("user-stored", ref())
    assert auth(to).app_metadata["role"] == "DOCTOR"
    assert standing(to).state == "done"


def test_a_refusal_that_stays_unexplained_is_retried_by_the_bus_and_ends_parked(
    to: MemoryClients, send: Send
) -> None:
    error = ContendedError("supabase_unexpected_failure")
    faults.fail(to.memory_supabase, "supabase_users.create", error, times=1000)
    send("user-stored", ref())
    assert {code for _, code in to.bus.refusals} == {"supabase_unexpected_failure"}
    assert (standing(to).state, standing(to).error_code) == (
        "parked",
        "supabase_unexpected_failure",
    )


def test_a_contact_that_core_has_but_that_cannot_be_read_is_not_released(
    to: MemoryClients, send: Send
) -> None:
    send("user-stored", ref())
    put(to, phone="98765")
    send("user-stored", ref())
    assert auth(to).phone == PHONE[1:]
