"""What a local stack is told to be, and what others need to know of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from infra.local import buckets
from infra.local.firebase import Firebase
from infra.local.postgres import Postgres
from infra.local.supervisor import Supervisor
from infra.logins import setting

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = "demo-healbridge"
PARTS = ("pubsub", "supabase", "embeddings", "fcm", "aws_s3", "storage_s3", "steps")
CORE_OWNER = "core_owner"
PDF_BUCKET, DOCUMENTS_BUCKET = "healbridge-prescriptions", "documents"


@dataclass(frozen=True)
class Options:
    """How this stack differs from the deployment's settings; the defaults differ in nothing."""

    stack_file: Path = REPOSITORY / "build" / "stack.json"
    max_attempts: int | None = None
    max_backoff_s: int | None = None
    schedule_period_s: float = 1.0  # how long a minute of a cron lasts
    unscheduled: frozenset[str] = frozenset({"run_canary"})  # the stores are empty until one acts
    sign_in_hook: bool = True
    environment: Mapping[str, str] = field(default_factory=dict[str, str])  # more of the functions'


class Facts:
    """Where everything is, and with which settings the functions run."""

    options: Options
    supervisor: Supervisor
    postgres: Postgres
    firebase: Firebase
    _ports: dict[str, int]
    _secrets: dict[str, str]
    _logins: dict[str, str]
    _deployed: dict[str, str]
    _namespace: str
    _logs: Path

    def url(self, name: str) -> str:
        """Return the base URL of one of PARTS."""
        return f"http://127.0.0.1:{self._ports[name]}"

    @property
    def core_dsn(self) -> str:
        """Connection string of core, as its owner: the backend, and no superuser."""
        return make_conninfo(
            self.postgres.dsn("core"), user=CORE_OWNER, password=self._secrets["owner"]
        )

    @property
    def supabase_dsn(self) -> str:
        """Connection string of Supabase's database, as its owner."""
        return self.postgres.dsn("supabase")

    @property
    def webhook_url(self) -> str:
        """Where Supabase's database trigger sends its hints."""
        return f"{self.url('steps')}/receive_document"

    def settings(self) -> dict[str, str]:
        """Return the functions' environment; CORE_DSN is an operator's at the command line."""
        return {
            **{setting(role): dsn for role, dsn in self._logins.items()},
            "CORE_DSN": self._logins["operator"],
            "CORE_POOL_SIZE": "16",
            "SUPABASE_URL": self.url("supabase"),
            "SUPABASE_SERVICE_KEY": self._secrets["service"],
            "OPENAI_API_KEY": self._secrets["openai"],
            "OPENAI_BASE_URL": f"{self.url('embeddings')}/v1",
            "FCM_URL": self.url("fcm"),
            "SUPABASE_S3_URL": self.url("storage_s3"),
            "SUPABASE_S3_KEY": buckets.KEY,
            "SUPABASE_S3_SECRET": buckets.SECRET,
            "DOCUMENTS_BUCKET": DOCUMENTS_BUCKET,
            "AWS_S3_URL": self.url("aws_s3"),
            "AWS_ACCESS_KEY_ID": buckets.KEY,
            "AWS_SECRET_ACCESS_KEY": buckets.SECRET,
            "AWS_REGION": buckets.REGION,
            "PDF_BUCKETS": PDF_BUCKET,
            "WEBHOOK_SECRET": self._secrets["webhook"],
            "FINGERPRINT_KEY": self._secrets["fingerprint"],
            "ID_NAMESPACE": self._namespace,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self._ports['pubsub']}",
            "THREADS": "16",
            "ERASURE_QUIET_S": "3",  # no step of the local stack runs longer
            **self.firebase.environment(),
            **self.options.environment,
            **self._deployed,
        }

    def describe(self) -> dict[str, Any]:
        """Return what another program needs to take part."""
        return {
            "project_id": PROJECT,
            "core_dsn": self.core_dsn,
            "core_operator_dsn": self._logins["operator"],
            "supabase_dsn": self.supabase_dsn,
            "supabase_url": self.url("supabase"),
            "supabase_service_key": self._secrets["service"],
            "supabase_anon_key": self._secrets["anon"],
            "auth_emulator": self.firebase.host("auth"),
            "firestore_emulator": self.firebase.host("firestore"),
            "pubsub_emulator": f"127.0.0.1:{self._ports['pubsub']}",
            "functions_url": f"http://{self.firebase.host('functions')}/{PROJECT}/us-central1",
            "steps_url": self.url("steps"),
            "status_page": f"{self.url('steps')}/sync_status/",
            "webhook_url": self.webhook_url,
            "webhook_secret": self._secrets["webhook"],
            "embeddings_url": f"{self.url('embeddings')}/v1",
            "fcm_url": self.url("fcm"),
            "aws_s3_url": self.url("aws_s3"),
            "storage_s3_url": self.url("storage_s3"),
            "pdf_bucket": PDF_BUCKET,
            "documents_bucket": DOCUMENTS_BUCKET,
            "id_namespace": self._namespace,
            "logs": str(self._logs),
            "settings": self.settings(),
            "pids": self.supervisor.pids() | {"stack": os.getpid()},
        }
