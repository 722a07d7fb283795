"""Targets: the paths, queries and bodies of the functions that answer by route."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import quote, urlencode

import jwt
from flask import Request
from werkzeug.test import EnvironBuilder

import main
from shared.access import webhook
from shared.clients import Clients
from shared.errors import RequestError
from shared.replies import Reply
from shared.status.routes import Route, dispatch
from shared.status.status_routes import OPERATOR_ROUTES, PATIENT_ROUTES
from tests.fuzz import world
from tests.fuzz.environment import SECRET
from tests.fuzz.findings import Breach

_PRODUCT = ("/supabase/document-processed", "/firebase/user-created")


def _request(path: str, body: bytes, headers: Mapping[str, str], **given: Any) -> Request:
    builder = EnvironBuilder(
        path, data=body, headers=list(headers.items()), content_type="application/json", **given
    )
    return Request(builder.get_environ())


def _taken(_: Clients, given: Mapping[str, Any], __: Request) -> Reply:
    """Stand where the stores are asked: what comes here must be what they can be asked for."""
    for value in given.values():
        if isinstance(value, str) and (len(value) > 512 or not value.isprintable()):
            raise Breach("admitted", "a parameter that no store should be asked for")
    return Reply("{}")


def routes(data: bytes) -> None:
    """Every route of operators and patients, under their real names, as a signed-in caller."""
    to = world.fresh()
    value = world.parsed(data)
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {"id": value}
    token = jwt.encode({"sub": world.UID}, "", "none")
    for known in (OPERATOR_ROUTES, PATIENT_ROUTES):
        bare = [replace(route, handler=_taken) for route in known]
        for route in bare:
            request = _asking(route, fields, {"Authorization": f"Bearer {token}"})
            try:
                dispatch(bare, to, request)
            except RequestError as error:
                if not 400 <= error.status < 500:
                    raise Breach("server_error", f"{route.path} answers {error.status}") from None


def _asking(route: Route, fields: Mapping[str, Any], headers: Mapping[str, str]) -> Request:
    path = route.path
    for parameter in route.of("path"):
        text = str(fields.get(parameter.name, "document"))[:2000]
        path = path.replace(f"{{{parameter.name}}}", quote(text, safe="/"))
    names = {parameter.name for parameter in route.of("query")} | {"query"}
    asked = [(name, fields[name]) for name in sorted(names & fields.keys())]
    query = urlencode([(name, str(value)[:2000]) for name, value in asked])
    body = {n: v for n, v in fields.items() if n in {p.name for p in route.of("body")} | {"body"}}
    return _request(path, json.dumps(body).encode(), headers, method=route.method,
                    query_string=query)  # fmt: skip


def announcement(data: bytes) -> None:
    """A signed body to the product's own webhooks: announced whole, or refused."""
    for path in _PRODUCT:
        to = world.fresh()
        stamp = int(time.time())
        headers = {
            "X-HealBridge-Timestamp": str(stamp),
            "X-HealBridge-Signature": webhook.sign(SECRET, stamp, data),
        }
        status = int(main.receive_announcement(_request(path, data, headers, method="POST"))[1])
        if status not in (202, 400, 413, 422):
            raise Breach("server_error", f"receive_announcement answers {status}")
        if (status == 202) is not bool(to.bus.published):
            raise Breach("half_written", "a refused announcement was sent, or one was not")
