"""
S3 in memory, by moto: the backend's private bucket at AWS, and Supabase Storage's S3 endpoint.

Modelled by moto: objects, conditional reads, multipart uploads, bulk deletion, error codes. Left
out: signatures are not checked, Storage's row level security and key rules do not apply.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from infra.local.processes import Process, base_environment

KEY, SECRET = "local-key", "local-secret"
REGION = "ap-south-1"


def process(name: str, port: int, logs: Path, bucket: str) -> Process:
    """Return the process of one endpoint on 127.0.0.1:`port`, with an empty bucket."""
    url = f"http://127.0.0.1:{port}"
    return Process(
        name,
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        log=logs / f"{name}.log",
        env=base_environment(),
        ready=f"{url}/moto-api/data.json",
        after_ready=lambda: make(url, bucket),
    )


def connect(url: str) -> Any:
    """Return a client of an endpoint, as an app of the product has one."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3", endpoint_url=url, region_name=REGION,
        aws_access_key_id=KEY, aws_secret_access_key=SECRET,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )  # fmt: skip


def make(url: str, bucket: str) -> None:
    """Create the bucket."""
    connect(url).create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
