"""
The signature of a request to S3: AWS Signature Version 4 over headers, query and the body's SHA-256
(https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).

Not botocore's signer: importing it takes 25 ms of a start (docs/decisions/0120). Contract tests
hold every signature against botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with one account's key, for one region."""

    key: str
    secret: str
    region: str

    def headers(
        self,
        method: str,
        target: str,
        given: Mapping[str, str],
        body: bytes | bytearray,
        at: datetime,
    ) -> dict[str, str]:
        """
        Return the headers to send, all of `given` among them and signed.

        `given` must have Host. `target` is path and query as they are sent, each name and value
        quoted; `at` is the time in UTC, which S3 wants within fifteen minutes of its own.
        """
        stamp, digest = f"{at:%Y%m%dT%H%M%SZ}", hashlib.sha256(body).hexdigest()
        sent = {**given, "X-Amz-Date": stamp, "X-Amz-Content-SHA256": digest}
        names, asked = _canonical(method, target, sent, digest)
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        hashed = hashlib.sha256(asked.encode()).hexdigest()
        signature = self._signed(scope, f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashed}")
        credential = f"Credential={self.key}/{scope}"
        proof = f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
        return {**sent, "Authorization": proof}

    def _signed(self, scope: str, text: str) -> str:
        key = f"AWS4{self.secret}".encode()
        for part in [*scope.split("/"), text]:
            key = hmac.digest(key, part.encode(), "sha256")
        return key.hex()


def _canonical(
    method: str, target: str, headers: Mapping[str, str], digest: str
) -> tuple[str, str]:
    """Return the names of the headers, and the request as both sides write it down."""
    path, _, query = target.partition("?")
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&")) if query else []
    lines = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    names = ";".join(name for name, _ in lines)
    parts = [
        method,
        path,
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{value}" for name, value in lines),
        "",
        names,
        digest,
    ]
    return names, "\n".join(parts)
