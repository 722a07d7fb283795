"""S3 on both ends, for contract tests: where PDFs come from, and Supabase Storage."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra.local import buckets
from infra.local.processes import free_port
from infra.local.supervisor import Supervisor

SOURCE, TARGET = "prescriptions", "documents"
URL, PATH = f"s3://{SOURCE}/rx1.pdf", f"{TARGET}/u1/prescriptions/rx1.pdf"
PDF = b"%PDF-1.4 made up"


@dataclass(frozen=True)
class Endpoints:
    """Both ends, and a client of each as its owner has one."""

    settings: dict[str, str]
    aws: Any
    storage: Any


@contextmanager
def endpoints_running() -> Generator[Endpoints]:
    """Run both ends for as long as the block takes."""
    ports = {"aws_s3": free_port(), "storage_s3": free_port()}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    with Supervisor() as supervisor:
        supervisor.start(
            buckets.process("aws_s3", ports["aws_s3"], supervisor.logs, SOURCE),
            buckets.process("storage_s3", ports["storage_s3"], supervisor.logs, TARGET),
        )
        yield Endpoints(
            settings={
                "AWS_S3_URL": urls["aws_s3"],
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_REGION": buckets.REGION,
                "PDF_BUCKETS": SOURCE,
                "SUPABASE_S3_URL": urls["storage_s3"],
                "SUPABASE_S3_KEY": "key",
                "SUPABASE_S3_SECRET": "secret",
            },
            aws=buckets.connect(urls["aws_s3"]),
            storage=buckets.connect(urls["storage_s3"]),
        )
