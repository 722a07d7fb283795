"""
Settings, read from the environment when a client first needs them.

Nothing is read at import, so an unrelated missing secret cannot stop a function, and there are
no defaults for hosts or secrets: a silent fallback would fail later and elsewhere.

CORE_DSN              connection string of core (through a transaction-mode pooler), as the role
                      that the catalog gives the function
SUPABASE_URL          https://<project>.supabase.co
SUPABASE_SERVICE_KEY  the service-role key
OPENAI_API_KEY        key of the embeddings provider
OPENAI_BASE_URL       optional: another OpenAI-compatible endpoint
SUPABASE_S3_URL       optional: Storage's S3 endpoint, default SUPABASE_URL/storage/v1/s3
SUPABASE_S3_KEY       access key id of that endpoint, made in Supabase's dashboard
SUPABASE_S3_SECRET    its secret
SUPABASE_S3_REGION    optional: the project's region, default us-east-1
DOCUMENTS_BUCKET      optional: Storage bucket of the patients' files, default documents
AWS_ACCESS_KEY_ID     reads prescription PDFs in the backend's S3 (s3:GetObject and s3:ListBucket)
AWS_SECRET_ACCESS_KEY its secret
AWS_REGION            region of a bucket whose URL names none
AWS_S3_URL            optional: another S3 endpoint
PDF_BUCKETS           S3 buckets that a pdf_url may name, comma-separated
PDF_HOSTS             optional: hosts that another https pdf_url may name, comma-separated
WEBHOOK_SECRET        one or two comma-separated HMAC secrets (two while rotating)
ID_NAMESPACE          secret UUID from which deterministic ids are derived; never change it
FINGERPRINT_KEY       key of the fingerprints that stand for uids in log lines
FCM_URL               optional: another Cloud Messaging endpoint (the local stack's)
GOOGLE_CLOUD_PROJECT  project of the topics and of Firebase
GOOGLE_APPLICATION_CREDENTIALS  optional: the file of another Google account than the function's own
GCE_METADATA_HOST     optional: what gives that account's tokens, default metadata.google.internal
CALLED_BY             the account that may call this function (required on Cloud Run)
GOOGLE_KEYS_URL       optional: where the keys of OIDC tokens are fetched
FIREBASE_KEYS_URL     optional: where the keys of Firebase's tokens are fetched
OUTBOX_RETENTION_DAYS optional: deleted entities' outbox rows are kept so long, default 30
HISTORY_RETENTION_DAYS optional: working notes about what is past are kept so long, default 90
JOURNAL_RETENTION_DAYS optional: the audit trail is kept so long, default 2200, at least 365
ERASURE_QUIET_S       optional: an erasure is certified so many seconds after the last burial of it,
                      default 600: longer than any step runs
REPLAYS_PER_RUN       optional: parked entities that one run of retry_failed replays, default 1000
REPLAYS_PER_SECOND    optional: and how fast, default 100
OVERDUE_S             optional: what was sent to a step and has not come is sent again after so many
                      seconds, default 3600
RECONCILE_LISTED_S    optional: seconds between comparisons that list Firestore, default 21600
CONFLICT_REST_S       optional: seconds until an open conflict is looked into again, default 21600
CANARY_TRAVEL_S       optional: seconds the canary has for every chain, default 120
OTEL_EXPORTER_OTLP_ENDPOINT  optional: where spans and metrics go (observability)
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


def key(name: str) -> str:
    """
    Return a key that is sent in a header, or raise SettingMissingError naming it: one that was
    copied with a line break or an invisible character would else fail as if its content did.
    """
    value = required(name)
    if not value.isascii() or not value.isprintable():
        raise SettingMissingError(name)
    return value


def optional(name: str, default: str) -> str:
    """Return the setting, or the default where it is absent or blank."""
    return os.environ.get(name, "").strip() or default


def listed(text: str) -> frozenset[str]:
    """Return the items of a comma-separated setting, lower-case."""
    return frozenset(item.strip().lower() for item in text.split(",") if item.strip())


def id_namespace() -> UUID:
    """Return the namespace of all uuid5 ids."""
    try:
        return UUID(required("ID_NAMESPACE"))
    except ValueError:
        raise SettingMissingError("ID_NAMESPACE") from None


def revision() -> str:
    """Return the function's version, as Cloud Run names it; recorded in the journal."""
    return optional("K_REVISION", "local")


def outbox_retention_days() -> int:
    """Return after how many days an announced deletion is forgotten."""
    return positive("OUTBOX_RETENTION_DAYS", 30)


def history_retention_days() -> int:
    """
    Return after how many days working notes are forgotten: longer than a message can wait (7 days)
    and lie as a dead letter (31), or one that comes late would be taken for new.
    """
    return positive("HISTORY_RETENTION_DAYS", 90, least=39)


def journal_retention_days() -> int:
    """Return after how many days the audit trail is forgotten: docs/decisions/0113."""
    return positive("JOURNAL_RETENTION_DAYS", 2200, least=365)


def erasure_quiet_s() -> int:
    """Return for how long after an erasure's order a step that was running may still write."""
    return positive("ERASURE_QUIET_S", 600)


def positive(name: str, default: int, *, least: int = 1) -> int:
    """Return a whole number of at least one, or raise SettingMissingError naming the setting."""
    text = optional(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise SettingMissingError(name)
    return int(text)
