"""All accounts, page by page: in memory and on the Auth emulator."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest

from shared.repair.reconciliations import reconciliation
from shared.stores.accounts import Accounts
from tests.contract.firebase.conftest import OWNER, PROJECT, Emulators
from tests.memory.clients import MemoryClients
from tests.memory.firebase import MemoryAccounts, MemoryFirebase

CREATED = 1_750_000_000  # Unix seconds


class Memory:
    """Accounts in memory."""

    def __init__(self) -> None:
        self._firebase = MemoryFirebase()
        self.accounts: Any = MemoryAccounts(self._firebase)

    def put(self, *uids: str) -> None:
        for uid in uids:
            self._firebase.sign_up(uid, email=f"{uid.lower()}@example.com")
            self._firebase.created_at[uid] = CREATED

    def delete(self, uid: str) -> None:
        self._firebase.delete(uid)


class Emulator:
    """Accounts of the Auth emulator, imported past every trigger."""

    def __init__(self, emulators: Emulators) -> None:
        self.accounts: Any = Accounts()
        self._http, auth = emulators.http, f"http://{emulators.firebase.host('auth')}"
        self._all = f"{auth}/emulator/v1/projects/{PROJECT}/accounts"
        self._root = f"{auth}/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts"
        self._owner = {"Authorization": f"Bearer {OWNER}"}
        self.clear()

    def put(self, *uids: str) -> None:
        users = [
            {"localId": uid, "email": f"{uid}@example.com", "createdAt": str(CREATED * 1000),
             "emailVerified": True}
            for uid in uids
        ]  # fmt: skip
        for start in range(0, len(users), 1000):
            body = {"users": users[start : start + 1000]}
            answer = self._http.post(f"{self._root}:batchCreate", json=body, headers=self._owner)
            assert not answer.raise_for_status().json().get("error")

    def delete(self, uid: str) -> None:
        body = {"localId": uid}
        self._http.post(f"{self._root}:delete", json=body, headers=self._owner).raise_for_status()

    def clear(self) -> None:
        self._http.delete(self._all, headers=self._owner).raise_for_status()


People = Memory | Emulator


@pytest.fixture(name="people", params=["memory", "emulator"])
def _people(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Generator[People]:
    if request.param == "memory":
        yield Memory()
        return
    emulators = request.getfixturevalue("running_emulators")
    for name, value in emulators.firebase.environment().items():
        monkeypatch.setenv(name, value)
    people = Emulator(emulators)
    yield people
    people.clear()
    people.accounts.close()


def listed(people: People, between: Callable[[int], None] = lambda _: None) -> list[list[str]]:
    """List all in pages of three; `between` is told how many pages there were."""
    pages: list[list[str]] = []
    token: str | None = None
    while not pages or token:
        found, token = people.accounts.page(token, 3)
        pages.append([account.uid for account, _ in found])
        between(len(pages))
    return pages


@pytest.mark.parametrize("count", [0, 1, 3, 4, 9])
def test_each_account_is_on_one_page_and_the_last_page_says_so(people: People, count: int) -> None:
    uids = [f"u{number}" for number in range(count)]
    people.put(*uids)
    pages = listed(people)
    assert sorted(uid for page in pages for uid in page) == uids
    assert max(len(page) for page in pages) <= 3
    assert len(pages) <= count // 3 + 1


def test_a_page_gives_contacts_in_normal_form_and_when_the_account_was_made(
    people: People,
) -> None:
    people.put("U1")
    ((account, created),), token = people.accounts.page(None)
    assert (account.uid, account.email, account.verified) == ("U1", "u1@example.com", True)
    assert (created, token) == (CREATED, None)


@pytest.mark.parametrize("uid", ["a", "m", "z"], ids=["before", "amid", "behind"])
def test_a_sign_up_between_two_pages_neither_hides_nor_repeats_anybody(
    people: People, uid: str
) -> None:
    uids = [f"{letter}{n}" for letter in "bny" for n in range(3)]
    people.put(*uids)
    pages = listed(people, lambda done: people.put(uid) if done == 1 else None)
    seen = [each for page in pages for each in page if each != uid]
    assert sorted(seen) == uids
    assert sum(page.count(uid) for page in pages) <= 1


@pytest.mark.parametrize("place", [0, -1], ids=["the first seen", "the last seen"])
def test_a_deletion_between_two_pages_hides_nobody_else(people: People, place: int) -> None:
    uids = [f"u{number}" for number in range(8)]
    people.put(*uids)
    gone: list[str] = []

    def delete_one_seen(done: int) -> None:
        if done == 1:
            page: Sequence[tuple[Any, float]] = people.accounts.page(None, 3)[0]
            gone.append(page[place][0].uid)
            people.delete(gone[0])

    pages = listed(people, delete_one_seen)
    assert sorted(uid for page in pages for uid in page) == uids
    assert len(gone) == 1


def test_more_accounts_than_one_page_holds_are_all_compared_and_announced(people: People) -> None:
    uids = {f"u{number}" for number in range(1_005)}
    people.put(*uids)
    to = MemoryClients()
    vars(to)["accounts"] = people.accounts
    to.memory_core.clock = time.time
    report, found = reconciliation("users", to).run()
    assert (report.source_rows, report.complete) == (len(uids), True)
    assert {(f.key, f.class_) for f in found} == {(uid, "missing") for uid in uids}
    announced = [ref.key for event in to.bus.of("user-changed") for ref in event.refs]
    assert sorted(announced) == sorted(uids)
