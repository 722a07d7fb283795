"""The status page's files, as routes: static, without build step, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.replies import Reply
from shared.status import openapi
from shared.status.routes import Route

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

_FOLDER = Path(__file__).with_name("assets")
_FILES = {
    "/": ("status.html", "text/html; charset=utf-8"),
    "/status.css": ("status.css", "text/css; charset=utf-8"),
    "/status.js": ("status.js", "text/javascript; charset=utf-8"),
    "/chain_map.js": ("chain_map.js", "text/javascript; charset=utf-8"),
}


@cache
def _read(name: str) -> tuple[str, str]:
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return text, f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def _serve(_: Clients, __: Mapping[str, Any], request: Request) -> Reply:
    name, content_type = _FILES[request.path]
    text, tag = _read(name)
    headers = {"Cache-Control": "no-cache", "ETag": tag}
    if request.headers.get("If-None-Match") == tag:
        return Reply("", 304, content_type, headers)
    return Reply(text, 200, content_type, headers)


FILES: tuple[Route, ...] = tuple(
    Route("GET", path, f"The page's {name}", _serve, str, content_type=content_type.split(";")[0])
    for path, (name, content_type) in _FILES.items()
)


def description(title: str, text: str, routes: Sequence[Route]) -> Route:
    """Return the route that serves the OpenAPI document of others."""

    def serve(_: Clients, __: Mapping[str, Any], ___: Request) -> Reply:
        return Reply(json.dumps(openapi.document(title, text, routes), indent=1))

    return Route("GET", "/openapi.json", "This document", serve, dict[str, Any])
