"""
What lets a web app read a public function's answers: the doctors' app runs in a browser, on an
origin of its own.

Any origin may. An answer is earned by the token that the app sends; no cookie counts here, and a
browser adds no token by itself. It asks beforehand, by OPTIONS and without the token, and hides
from the app every answer, refusals too, that lacks these headers
(fetch.spec.whatwg.org/#http-cors-protocol).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Request

Answer = tuple[str, int, dict[str, str]]

_EVERYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After",
}
_BEFOREHAND = {
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Authorization",
    "Access-Control-Max-Age": "7200",  # seconds; no browser keeps it for longer
}


def for_browsers(entry: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """Let web apps read what an entry point answers to a GET with a token."""

    @functools.wraps(entry)
    def open_entry(request: Request) -> Answer:
        if request.method == "OPTIONS":
            return "", 204, _EVERYWHERE | _BEFOREHAND
        body, status, headers = entry(request)
        return body, status, headers | _EVERYWHERE

    return open_entry
