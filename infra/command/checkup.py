"""
What `doctor` looks at in settings and stores. A check returns findings, or raises a SyncError that
says by its code what is wrong; each says how to mend it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import psycopg

from infra import migrate
from infra.command import target
from infra.command.answers import WrongError
from shared import catalog, settings
from shared.access import webhook
from shared.clients import Clients
from shared.errors import SettingMissingError
from shared.repair.canary import UID
from shared.stores.core_status import CoreStatus
from shared.stores.supabase_status import SupabaseStatus

_LEAST_SECRET = 32  # characters of a webhook secret
_HINT = b'{"type":"INSERT","schema":"public","table":"documents","ids":[]}'
_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """`state` is ok, wrong, or unknown for what this place cannot tell."""

    what: str
    state: str
    found: str
    mend: str = ""


def settings_found() -> Iterator[Finding]:
    """Look for every setting that some function needs."""
    names = {"GOOGLE_CLOUD_PROJECT", "ID_NAMESPACE"} | {
        secret for function in catalog.load().functions.values() for secret in function.secrets
    }
    for name in sorted(names):
        try:
            settings.required(name)
        except SettingMissingError as error:
            yield Finding(name, "wrong", "missing", str(error))
    try:
        settings.id_namespace()
        yield Finding("ID_NAMESPACE", "ok", "a UUID")
    except SettingMissingError:
        mend = "set it to the UUID with which the first entity was stored; it never changes"
        yield Finding("ID_NAMESPACE", "wrong", "no UUID", mend)
    yield _webhook_secrets()


def _webhook_secrets() -> Finding:
    given = os.environ.get("WEBHOOK_SECRET", "").split(",")
    live = [secret.strip() for secret in given if secret.strip()]
    if not 1 <= len(live) <= 2:
        mend = "set WEBHOOK_SECRET to one secret, or to two while one replaces the other"
        return Finding("webhook secrets", "wrong", f"{len(live)} live", mend)
    if any(len(secret) < _LEAST_SECRET for secret in live):
        mend = f"make one of at least {_LEAST_SECRET} characters: openssl rand -hex 32"
        return Finding("webhook secrets", "wrong", "too short", mend)
    return Finding("webhook secrets", "ok", f"{len(live)} live")


def core(to: Clients) -> list[Finding]:
    """Ask core for its standing, which takes the schema and the rights of an operator."""
    steps = [step.name for step in catalog.load().steps()]
    found = CoreStatus(to.core).standing(steps, [])
    return [Finding("core", "ok", f"answers; {found['unsent']['count']} changes unannounced")]


def supabase(to: Clients) -> list[Finding]:
    """Ask Supabase for its outbox, which takes our schema and the service role."""
    found = SupabaseStatus(to.supabase).outbox()
    said = f"answers; {found.documents} documents, {found.unsent} unannounced"
    return [Finding("supabase", "ok", said)]


def firebase(to: Clients) -> list[Finding]:
    """Look for an account and a document that may be absent."""
    to.accounts.read([UID])
    to.firestore.read([f"users/{UID}"])
    return [Finding("firebase", "ok", "accounts and Firestore answer")]


def storage(to: Clients) -> list[Finding]:
    """Look for a file that is not there."""
    to.storage.look(f"{to.storage.bucket}/doctor")
    return [Finding("storage", "ok", f"bucket {to.storage.bucket} answers")]


def embeddings(to: Clients) -> list[Finding]:
    """Embed one word; costs one token."""
    (vector,) = to.embedder.embed(["doctor"])
    return [Finding("embeddings", "ok", f"{to.embedder.model}: {len(vector)} dimensions")]


def schema_versions(_: Clients) -> list[Finding]:
    """Compare applied migrations with the files; takes the owner's connection string."""
    findings: list[Finding] = []
    for store in migrate.FOLDERS:
        what = f"schema of {store}"
        try:
            names = migrate.pending(store, target.owner_dsn(store))
        except WrongError:
            mend = "set OWNER_DSN to look"
            findings.append(Finding(what, "unknown", "no owner's connection string", mend))
        except (psycopg.Error, migrate.MigrationError) as error:
            said = str(error) if isinstance(error, migrate.MigrationError) else "does not answer"
            findings.append(Finding(what, "wrong", said, "see OWNER_DSN and the migrations"))
        else:
            state, mend = ("wrong", f"./healbridge-sync migrate {store}") if names else ("ok", "")
            findings.append(Finding(what, state, f"{len(names)} migrations pending", mend))
    return findings


def webhook_door(_: Clients) -> list[Finding]:
    """Send a hint under every live secret, and one under a wrong one, which must be refused."""
    url = target.webhook_url()
    if not url:
        mend = "set WEBHOOK_URL to the address that Supabase's Vault has"
        return [Finding("webhook", "unknown", "its address is not known", mend)]
    live = [secret.strip() for secret in os.environ["WEBHOOK_SECRET"].split(",")]
    answers = [_hint(url, secret) for secret in live if secret]
    if any(status != 200 for status in answers):
        mend = "give the function and Vault the same secret (docs/operate.md, rotation)"
        return [Finding("webhook", "wrong", f"answers {answers}", mend)]
    if (status := _hint(url, "wrong" * 8)) != 401:
        mend = "WEBHOOK_SECRET of the function is not checked: redeploy receive_document"
        return [Finding("webhook", "wrong", f"a wrong secret is answered {status}", mend)]
    return [Finding("webhook", "ok", f"takes {len(answers)} secrets, refuses others")]


def _hint(url: str, secret: str) -> int:
    stamp = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "X-HealBridge-Timestamp": str(stamp),
        "X-HealBridge-Signature": webhook.sign(secret, stamp, _HINT),
    }
    try:
        return httpx.post(url, content=_HINT, headers=headers, timeout=_TIMEOUT_S).status_code
    except httpx.HTTPError:
        return 0


Check = Callable[[Clients], list[Finding]]
CHECKS: tuple[Check, ...] = (
    core, supabase, firebase, storage, embeddings, schema_versions, webhook_door,
)  # fmt: skip
