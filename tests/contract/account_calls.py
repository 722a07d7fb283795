"""Each thing that is asked about accounts, in the Admin SDK's words and in ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import firebase_admin
from firebase_admin import auth

from shared.stores.accounts import Accounts

UID = "रोगी/u 1"
ODD = "a b+c&d=e#f%2C/?रोगी"
admin: Any = auth  # which says nothing of what its functions return


def look_up(app: firebase_admin.App, uids: list[str]) -> Any:
    return admin.get_users([auth.UidIdentifier(uid) for uid in uids], app=app)


Calls = tuple[Callable[[firebase_admin.App], Any], Callable[[Accounts], Any]]


def read(*uids: str) -> Calls:
    return (lambda app: look_up(app, [*uids]), lambda our: our.read(uids))


def page(token: str | None, size: int) -> Calls:
    return (lambda app: admin.list_users(token, size, app=app), lambda our: our.page(token, size))


def create(uid: str, email: str) -> Calls:
    return (
        lambda app: admin.create_user(uid=uid, email=email, app=app),
        lambda our: our.create(uid, email),
    )


def delete(uid: str) -> Calls:
    return (lambda app: admin.delete_user(uid, app=app), lambda our: our.delete(uid))


def set_claims(uid: str, claims: dict[str, Any]) -> Calls:
    return (
        lambda app: admin.set_custom_user_claims(uid, claims, app=app),
        lambda our: our.set_claims(uid, claims),
    )


CLAIMS: dict[str, Any] = {"role": "authenticated", "name": 'रोगी "x"\n', "n": [1.5, None, {}]}
CALLS: dict[str, Calls] = {
    "one": read(UID),
    "a hundred": read(*(f"u{n}" for n in range(100))),
    "a page": page(None, 1000),
    "a next page": page(ODD, 7),
    "create": create(UID, "a@b"),
    "delete": delete(UID),
    "claims": set_claims(UID, CLAIMS),
    "no claims": set_claims(UID, {}),
}
