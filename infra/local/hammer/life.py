"""What patients, the edge function and doctors go on doing while processes die under them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from random import Random
from typing import Any, LiteralString, TypeVar

import httpx
import psycopg
from psycopg import errors

from infra.local.demo.apps import Backend, EdgeFunction, PatientApp
from infra.local.demo.people import papers, people, summary
from infra.local.demo.profiles import spelled
from infra.local.demo.visits import BOOK, CANCEL, RESCHEDULE

DOCTOR = "doctor-of-the-hammer"
_PATIENCE_S = 90  # for a killed process to be back

T = TypeVar("T")


class Life:
    """Acts as the apps do. A request that fails is sent again with the same ids, as apps do it."""

    def __init__(self, stack: Mapping[str, Any], seed: int, first: int) -> None:
        self._app, self._edge, self._backend = (
            PatientApp(stack),
            EdgeFunction(stack),
            Backend(stack),
        )
        self._dice = Random(seed)
        self._number = self._uploads = first
        self._uids: list[str] = []
        self._documents: list[dict[str, Any]] = []
        self._prescriptions: list[str] = []
        self._visits: list[str] = []
        self._core_dsn: str = stack["core_dsn"]

    def begin(self) -> None:
        """Make what has to be there first."""
        put(lambda: self._backend.add_doctor(DOCTOR))

    def close(self) -> None:
        """Close the connections."""
        self._app.close()
        self._edge.close()

    def doings(self, stopped: str = "") -> list[Callable[[], None]]:
        """Return what happens in one round, in random order: what needs no stopped process."""
        return [do for do, needs in self._shuffled() if stopped not in needs]

    def _shuffled(self) -> list[tuple[Callable[[], None], set[str]]]:
        core, papers = {"postgres"}, {"postgres", "supabase"}
        doings = [(self._sign_up, {"firebase"}), (self._upload, papers | {"storage_s3"})] * 2
        doings += [(self._prescribe, core | {"aws_s3"}), (self._book, core)] * 2
        doings += [(self._correct, papers)] * 2 + [(self._delete, papers)]
        doings += [(do, core) for do in (self._revoke, self._reschedule, self._cancel)]
        doings += [(self._rewrite_profile, {"firebase"})]
        self._dice.shuffle(doings)
        return doings

    def _sign_up(self) -> None:
        number = self._number = self._number + 1
        [person] = people(number + 1)[number:]
        self._uids.append(insist(lambda: self._app.sign_up(person)))

    def _upload(self) -> None:
        if self._uids:
            self._uploads += 1
            sent = papers(self._dice.choice(self._uids), self._uploads)
            put(lambda: self._edge.insert(sent))
            self._documents += sent

    def _prescribe(self) -> None:
        if self._uids:
            uid, name = self._dice.choice(self._uids), f"hammer-{self._dice.getrandbits(48):x}"
            content, printed = summary(self._number), self._dice.random() < 0.7
            put(lambda: self._backend.prescribe(uid, DOCTOR, name, content, printed=printed))
            self._prescriptions.append(name)

    def _correct(self) -> None:
        if self._documents:
            document = self._dice.choice(self._documents)
            listed = [{"name": f"Demoxil {self._dice.randrange(1000)}", "duration_days": 5}]
            changes = {"text": f"Corrected {self._dice.getrandbits(32)}"}
            changes |= {"structured_json": {"medications": listed, "style": "corrected"}}
            put(lambda: self._edge.correct(document["id"], changes))

    def _delete(self) -> None:
        if self._documents and self._dice.random() < 0.5:
            document = self._documents.pop(self._dice.randrange(len(self._documents)))
            put(lambda: self._edge.delete(document["id"]))

    def _revoke(self) -> None:
        if self._prescriptions and self._dice.random() < 0.5:
            name = self._prescriptions.pop(self._dice.randrange(len(self._prescriptions)))
            put(lambda: self._backend.revoke(name))

    def _rewrite_profile(self) -> None:
        if self._uids:
            uid, number = self._dice.choice(self._uids), self._dice.randrange(1000)
            # With a language, since core keeps the one it has where a profile names none.
            named = {"uid": uid, "language": ("en", "hi")[number % 2]}
            profile = spelled(number, "Hammered", f"Number {number}") | named
            put(lambda: self._app.write_profile(uid, "owner", profile))

    def _book(self) -> None:
        if self._uids:
            uid, name = self._dice.choice(self._uids), f"visit-{self._dice.getrandbits(48):x}"
            insist(lambda: self._knows(uid))
            values = {"id": name, "uid": uid, "doctor": DOCTOR, "visit_type": "TELE"}
            put(lambda: self._change(BOOK, values))
            self._visits.append(name)

    def _reschedule(self) -> None:
        if self._visits:
            put(lambda: self._change(RESCHEDULE, {"id": self._dice.choice(self._visits)}))

    def _cancel(self) -> None:
        if self._visits:
            visit = self._visits.pop(self._dice.randrange(len(self._visits)))
            put(lambda: self._change(CANCEL, {"id": visit}))

    def _change(self, statement: LiteralString, values: Mapping[str, Any]) -> None:
        with psycopg.connect(self._core_dsn) as connection:
            connection.execute(statement, values)

    def _knows(self, uid: str) -> None:
        """Raise as long as core does not know the patient."""
        if not self._backend.knows([uid]):
            raise errors.ForeignKeyViolation


def insist(action: Callable[[], T]) -> T:
    """Repeat an action until it is answered. Raise what went wrong last when nothing helps."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return action()
        # A prescription waits until core knows its patient.
        except (httpx.HTTPError, psycopg.OperationalError, errors.ForeignKeyViolation) as error:
            if _is_there(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def put(action: Callable[[], None]) -> None:
    """Insist on a row. That it is there already is an answer: the one to a try before was lost."""
    try:
        insist(action)
    except (httpx.HTTPStatusError, errors.UniqueViolation) as error:
        if not _is_there(error):
            raise


def _is_there(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == HTTPStatus.CONFLICT
    return isinstance(error, errors.UniqueViolation)
