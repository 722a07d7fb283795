"""
Settings, read from the environment when a client first needs them.

Nothing is read at import, so an unrelated missing secret cannot stop a function, and there are
no defaults for hosts or secrets: a silent fallback would fail later and elsewhere.

CORE_DSN              connection string of core PostgreSQL (through a transaction-mode pooler)
SUPABASE_URL          https://<project>.supabase.co
SUPABASE_SERVICE_KEY  the service-role key
OPENAI_API_KEY        key of the embeddings provider
OPENAI_BASE_URL       optional: another OpenAI-compatible endpoint
WEBHOOK_SECRET        one or two comma-separated HMAC secrets (two while rotating)
ID_NAMESPACE          secret UUID from which deterministic ids are derived; never change it
FINGERPRINT_KEY       optional key of the uid fingerprints in logs; without it none are logged
GOOGLE_CLOUD_PROJECT  project of the topics and of Firebase
CALLED_BY             the account that may call this function (required on Cloud Run)
GOOGLE_KEYS_URL       optional: where the keys of OIDC tokens are fetched
CORE_POOL_SIZE        optional: connections per instance, default 4 (the catalog's concurrency)
"""

from __future__ import annotations

import os
from uuid import UUID

from shared.errors import SettingMissingError


def required(name: str) -> str:
    """Return the setting, or raise SettingMissingError naming it."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise SettingMissingError(name)
    return value


def optional(name: str, default: str) -> str:
    """Return the setting, or the default where it is absent or blank."""
    return os.environ.get(name, "").strip() or default


def id_namespace() -> UUID:
    """Return the namespace of all uuid5 ids."""
    try:
        return UUID(required("ID_NAMESPACE"))
    except ValueError:
        raise SettingMissingError("ID_NAMESPACE") from None


def revision() -> str:
    """Return the function's version, as Cloud Run names it; recorded in the journal."""
    return optional("K_REVISION", "local")
