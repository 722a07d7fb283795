"""Every error that Firestore and core are known to answer with: what the sync makes of it."""

from __future__ import annotations

import pytest
from google.api_core import exceptions as google
from psycopg import errors as postgres

from shared.errors import ContendedError, PermanentError, SyncError, TransientError
from shared.stores import core, firestore
from tests.steps.vendors import PLANTED, becomes

FIRESTORE: list[tuple[str, Exception, type[SyncError], str]] = [
    ("a document that is there already is read again", google.AlreadyExists(PLANTED),
     ContendedError, "firestore_moved_on"),
    ("a document that is gone is read again", google.NotFound(PLANTED),
     ContendedError, "firestore_moved_on"),
    ("a document that moved on is read again", google.FailedPrecondition(PLANTED),
     ContendedError, "firestore_moved_on"),
    ("a lost race is read again", google.Aborted(PLANTED), ContendedError, "firestore_moved_on"),
    ("a value that no document holds is parked", google.InvalidArgument(PLANTED),
     PermanentError, "firestore_invalid_argument"),
    ("a used up quota is waited for", google.ResourceExhausted(PLANTED),
     TransientError, "firestore_quota"),
    ("missing rights are our mistake", google.PermissionDenied(PLANTED),
     TransientError, "firestore_denied"),
    ("missing credentials are our mistake", google.Unauthenticated(PLANTED),
     TransientError, "firestore_denied"),
    ("a call that ran out of time is tried again", google.DeadlineExceeded(PLANTED),
     TransientError, "firestore_unreachable"),
    ("a service that is away is waited for", google.ServiceUnavailable(PLANTED),
     TransientError, "firestore_unreachable"),
    ("a failing service is waited for", google.InternalServerError(PLANTED),
     TransientError, "firestore_unreachable"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "kind", "code"), [r[1:] for r in FIRESTORE], ids=[r[0] for r in FIRESTORE]
)
def test_of_firestore(
    caplog: pytest.LogCaptureFixture, error: Exception, kind: type[SyncError], code: str
) -> None:
    with becomes(kind, code, caplog), firestore.translated("Commit"):
        raise error


POSTGRES: list[tuple[str, Exception, type[SyncError], str]] = [
    ("a taken unique value is a lost race", postgres.UniqueViolation(PLANTED),
     ContendedError, "core_23505"),
    ("a missing parent is waited for", postgres.ForeignKeyViolation(PLANTED),
     TransientError, "core_parent_missing"),
    ("a broken check parks the entity", postgres.CheckViolation(PLANTED),
     PermanentError, "core_23514"),
    ("a missing value parks the entity", postgres.NotNullViolation(PLANTED),
     PermanentError, "core_23502"),
    ("a text that is too long parks the entity", postgres.StringDataRightTruncation(PLANTED),
     PermanentError, "core_22001"),
    ("a text with NUL in it parks the entity", postgres.UntranslatableCharacter(PLANTED),
     PermanentError, "core_22p05"),
    ("a serialization failure is tried again", postgres.SerializationFailure(PLANTED),
     ContendedError, "core_40001"),
    ("a deadlock is tried again", postgres.DeadlockDetected(PLANTED),
     ContendedError, "core_40p01"),
    ("a lock that was not had in time is waited for", postgres.LockNotAvailable(PLANTED),
     TransientError, "core_55p03"),
    ("a statement that ran too long is tried again", postgres.QueryCanceled(PLANTED),
     TransientError, "core_57014"),
    ("a server that shuts down is waited for", postgres.AdminShutdown(PLANTED),
     TransientError, "core_57p01"),
    ("a server without free connections is waited for", postgres.TooManyConnections(PLANTED),
     TransientError, "core_53300"),
    ("missing rights are our mistake", postgres.InsufficientPrivilege(PLANTED),
     TransientError, "core_42501"),
    ("a wrong password is our mistake", postgres.InvalidPassword(PLANTED),
     TransientError, "core_28p01"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "kind", "code"), [r[1:] for r in POSTGRES], ids=[r[0] for r in POSTGRES]
)
def test_of_core(
    caplog: pytest.LogCaptureFixture, error: Exception, kind: type[SyncError], code: str
) -> None:
    with becomes(kind, code, caplog), core.translated("select 1"):
        raise error
