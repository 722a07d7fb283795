"""Firebase Auth accounts, through the Admin SDK."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from firebase_admin import auth, exceptions

from shared import firebase_app
from shared.errors import PermanentError, TransientError
from shared.models.users import Account
from shared.observability import tracing
from shared.people import contacts

if TYPE_CHECKING:
    from collections.abc import Generator

_LOOKUP_LIMIT = 100  # identifiers per get_users call (Admin SDK)
_PAGE = 1000  # accounts per list_users call (Admin SDK)


class Accounts:
    """Reads accounts, sets their custom claims, deletes them for an erasure."""

    def __init__(self) -> None:
        self._app = firebase_app.app()

    def read(self, uids: Sequence[str]) -> dict[str, Account]:
        """Return the accounts that exist, by uid."""
        found: dict[str, Account] = {}
        with translated("get_users"):
            for start in range(0, len(uids), _LOOKUP_LIMIT):
                wanted = [auth.UidIdentifier(uid) for uid in uids[start : start + _LOOKUP_LIMIT]]
                for user in auth.get_users(wanted, app=self._app).users:
                    found[str(user.uid)] = _account(user)
        return found

    def page(
        self, token: str | None, size: int = _PAGE
    ) -> tuple[list[tuple[Account, float]], str | None]:
        """
        Return up to `size` (1000 at most) accounts with the times they were created (Unix seconds),
        and the token of the next page, None at the end. Raise TransientError
        (firebase_listing_expired) for a token that Firebase no longer takes: list from the start.
        """
        try:
            with translated("list_users"):
                page = auth.list_users(page_token=token, max_results=size, app=self._app)
        except PermanentError:
            if token is None:
                raise
            raise TransientError("firebase_listing_expired") from None
        accounts = [
            (_account(user), (user.user_metadata.creation_timestamp or 0) / 1000)
            for user in page.users
        ]
        return accounts, page.next_page_token or None

    def create(self, uid: str, email: str) -> None:
        """Create an account under a uid of our choice; one that exists is left alone."""
        with translated("create_user"):
            try:
                auth.create_user(uid=uid, email=email, app=self._app)
            except auth.UidAlreadyExistsError:
                return

    def delete(self, uid: str) -> int:
        """Delete an account; return how many there were."""
        try:
            with translated("delete_user"):
                auth.delete_user(uid, app=self._app)
        except PermanentError as error:
            if error.code == "firebase_user_gone":
                return 0
            raise
        return 1

    def set_claims(self, uid: str, claims: dict[str, Any]) -> None:
        """Replace an account's custom claims: the caller passes the ones to keep too."""
        with translated("set_claims"):
            auth.set_custom_user_claims(uid, claims, app=self._app)


@contextmanager
def translated(operation: str) -> Generator[None]:
    """Turn the Admin SDK's errors into ours; their text may hold contacts."""
    with tracing.call("firebase_auth", operation), _ours():
        yield


@contextmanager
def _ours() -> Generator[None]:
    try:
        yield
    except auth.UserNotFoundError:
        raise PermanentError("firebase_user_gone") from None
    except exceptions.ResourceExhaustedError:
        raise TransientError("firebase_quota") from None
    except exceptions.InvalidArgumentError:
        raise PermanentError("firebase_invalid_argument") from None
    except exceptions.FirebaseError as error:
        raise TransientError(f"firebase_{str(error.code).lower()}") from None
    except ValueError:  # the SDK's own check of its arguments, such as a uid over 128 characters
        raise PermanentError("firebase_invalid_argument") from None


def _account(user: auth.UserRecord) -> Account:
    return Account(
        uid=str(user.uid),
        email=contacts.email(user.email),
        phone=contacts.phone(user.phone_number),
        verified=bool(user.email_verified),
        claims=dict(user.custom_claims or {}),
    )
