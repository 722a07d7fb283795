"""
Sending one queued request, and the faults that sending can suffer.

As upstream: redirects are followed, the queued headers go out with pg_net's User-Agent, every
outcome becomes one response row. Differs: the timeout counts for connecting and for each read,
not for the whole request; the texts of rarer errors are not libcurl's.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

USER_AGENT = "pg_net/0.20.4"


@dataclass(frozen=True, slots=True)
class Faults:
    """How often a request is lost or sent twice (0 to 1), and how late it is sent."""

    drop_rate: float = 0.0
    duplicate_rate: float = 0.0
    delay_ms: int = 0

    def times(self, requests: int, dice: random.Random) -> Sequence[int]:
        """Return how many times to send each of `requests` requests: 0, 1 or 2.

        Two throws per request, whatever the rates: one seed gives one sequence.
        """
        throws = [(dice.random(), dice.random()) for _ in range(requests)]
        return [
            0 if lost < self.drop_rate else 2 if again < self.duplicate_rate else 1
            for lost, again in throws
        ]


def send(client: httpx.Client, row: Mapping[str, Any], times: int, delay_ms: int) -> dict[str, Any]:
    """Send a request `times` times and return the response row of the last one."""
    time.sleep(delay_ms / 1000)
    for _ in range(times - 1):
        _attempt(client, row)
    return _attempt(client, row)


def _attempt(client: httpx.Client, row: Mapping[str, Any]) -> dict[str, Any]:
    """Send it once; a failure becomes `error_msg`, worded as libcurl would."""
    answer: dict[str, Any] = {
        "id": row["id"],
        "status_code": None,
        "content_type": None,
        "headers": None,
        "content": None,
        "timed_out": False,
        "error_msg": None,
    }
    given = {name: value for name, value in (row["headers"] or {}).items() if value is not None}
    try:
        response = client.request(
            row["method"],
            row["url"],
            content=row["body"],
            headers={name: str(value) for name, value in given.items()}
            | {"User-Agent": USER_AGENT},
            timeout=row["timeout_milliseconds"] / 1000,
        )
    except httpx.TimeoutException:
        message = f"Timeout of {row['timeout_milliseconds']} ms reached"
        return answer | {"timed_out": True, "error_msg": message}
    except httpx.ConnectError:
        return answer | {"error_msg": "Couldn't connect to server"}
    except httpx.UnsupportedProtocol:
        return answer | {"error_msg": "Unsupported protocol"}
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return answer | {"error_msg": type(error).__name__}
    return answer | {
        "status_code": response.status_code,
        "content_type": response.headers.get("content-type"),
        "headers": json.dumps(dict(response.headers)),
        "content": response.text.partition("\0")[0] or None,  # Postgres text cannot hold NUL
    }
