"""
S3 clients, of AWS and of Supabase Storage, and the translation of their errors.

The client's own retries are off: Pub/Sub redelivers. Checksum trailers, which newer clients send by
default, are only sent where a call needs them: other S3 servers than AWS's refuse them. Instead
every body is signed, so the server checks its SHA-256.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.errors import PermanentError, TransientError
from shared.observability import tracing

if TYPE_CHECKING:
    from collections.abc import Generator

    from botocore.exceptions import ClientError

_CONNECT_S, _READ_S = 5, 30
_MISSING = frozenset({"NoSuchKey", "404"})  # an answer to HEAD has no body: its status is the code
_REFUSED = frozenset({"EntityTooLarge", "KeyTooLongError", "InvalidKey", "InvalidMimeType"})


class ObjectMissingError(Exception):
    """There is no such object."""


class ObjectUnchangedError(Exception):
    """The object still has the tag that was asked about."""


def client(*, url: str | None, key: str, secret: str, region: str) -> Any:
    """Return an S3 client that addresses buckets in the path."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name=region,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            retries={"total_max_attempts": 1},
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


@contextmanager
def translated(where: str, operation: str) -> Generator[None]:
    """
    Turn the client's errors into ours, as `<where>_<code>`; their messages name keys. Raise
    ObjectMissingError and ObjectUnchangedError for what is no error to every caller.
    """
    with tracing.call(where, operation), ours(where):
        yield


@contextmanager
def ours(where: str) -> Generator[None]:
    """Translate alone, for what goes on after a call: reading an answer's body."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _translate(where, error) from None
    except BotoCoreError:  # no connection, timeout, or an answer that broke off
        raise TransientError(f"{where}_unreachable") from None


def _translate(where: str, error: ClientError) -> Exception:
    """Missing rights, buckets and regions are our misconfiguration: not the file's fault."""
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    if code in _MISSING:
        return ObjectMissingError()
    if code == "304":
        return ObjectUnchangedError()
    name = "".join(c if c.isalnum() else "_" for c in f"{where}_{code}".lower())[:64]
    return PermanentError(name) if code in _REFUSED else TransientError(name)
