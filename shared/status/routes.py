"""
Several paths behind one function: each route says what it takes and returns, once. Requests are
checked by it and the OpenAPI document is made of it (shared/status/openapi.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.access import webhook
from shared.access.json_body import read_object
from shared.errors import RequestError
from shared.replies import Reply, error_reply, json_reply

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

KEY = r"[A-Za-z0-9][A-Za-z0-9._:@+\-]{0,127}"  # uids, cuids and UUIDs
Handler = Callable[["Clients", Mapping[str, Any], "Request"], object]


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    A parameter in the path, the query or the body. `schema` is JSON Schema of one plain type:
    string (enum, pattern, maxLength), string or null, or integer (minimum, maximum).
    """

    name: str
    schema: Mapping[str, Any]
    text: str
    where: str = "query"  # path, query, body
    required: bool = False

    @property
    def code(self) -> str:
        """The error code of a value that breaks the rule: the name in snake case."""
        return re.sub(r"[A-Z]", lambda capital: f"_{capital[0].lower()}", self.name)

    def read(self, value: object) -> Any:
        """Return a value as the schema wants it. Raise RequestError 422 naming the rule."""
        schema = self.schema
        if schema["type"] == "integer":
            return self._number(value)
        if value is None and "null" in schema["type"]:
            return None
        if not isinstance(value, str):
            raise self._wrong("a string")
        if "enum" in schema and value not in schema["enum"]:
            raise self._wrong(f"one of {', '.join(schema['enum'])}")
        if "pattern" in schema and not re.fullmatch(schema["pattern"].strip("^$"), value):
            raise self._wrong(f"of the form {schema['pattern']}")
        if len(value) > schema.get("maxLength", 512):
            raise self._wrong(f"at most {schema.get('maxLength', 512)} characters")
        return value

    def _number(self, value: object) -> int:
        low, high = self.schema["minimum"], self.schema["maximum"]
        if isinstance(value, str) and self.where != "body" and re.fullmatch(r"-?[0-9]+", value):
            value = int(value) if len(value) <= len(str(high)) + 1 else high + 1
        if type(value) is not int or not low <= value <= high:
            raise self._wrong(f"a whole number from {low} to {high}")
        return value

    def _wrong(self, rule: str) -> RequestError:
        return RequestError(422, self.code, f"`{self.name}` must be {rule}")


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `returns` is a dataclass (or list of one); None from the handler is a 404."""

    method: str
    path: str  # with {names}
    text: str
    handler: Handler
    returns: Any
    parameters: Sequence[Parameter] = ()
    status: int = 200
    unknown: str | None = None  # what a 404 means
    content_type: str = "application/json"
    # Who may ask, before anything else is looked at: gets the raw body, raises RequestError, and
    # returns what it learnt of the caller as further values.
    admit: Callable[[Request, bytes], Mapping[str, Any]] | None = None

    def matches(self, path: str) -> Mapping[str, str] | None:
        """Return the path's parameters if the path is this route's."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None

    def of(self, where: str) -> list[Parameter]:
        """Return the parameters in one place."""
        return [parameter for parameter in self.parameters if parameter.where == where]


def dispatch(routes: Sequence[Route], to: Clients, request: Request) -> Reply:
    """Answer a request by its route. Raise RequestError for one that breaks a rule."""
    method = "GET" if request.method == "HEAD" else request.method
    here = [(route, found) for route in routes
            if (found := route.matches(request.path)) is not None]  # fmt: skip
    if not here:
        return error_reply(404, "not_found", "there is nothing at this path")
    for route, found in here:
        if route.method == method:
            answer = route.handler(to, _values(route, found, request), request)
            if isinstance(answer, Reply):
                return answer
            if answer is None:
                return error_reply(404, "not_found", route.unknown or "there is no such thing")
            return json_reply(answer, route.status)
    allowed = ", ".join(sorted({route.method for route, _ in here}))
    return error_reply(405, "method_not_allowed", f"use {allowed}", Allow=allowed)


def _values(route: Route, found: Mapping[str, str], request: Request) -> dict[str, Any]:
    """Return all parameters, checked; what is absent is absent."""
    body = webhook.read_body(request) if route.method == "POST" else b""
    caller = route.admit(request, body) if route.admit else {}
    given: dict[str, Any] = dict(found)
    query = route.of("query")
    known = {parameter.name for parameter in query}
    try:
        args = request.args
    except UnicodeDecodeError:  # bytes that are not percent-encoded, which no client sends
        raise RequestError(400, "query_form", "the query must be percent-encoded") from None
    for name in args:
        if name not in known:
            raise RequestError(422, "unknown_parameter", f"`{name[:32]}` is no parameter here")
        if len(args.getlist(name)) > 1:
            raise RequestError(422, "repeated_parameter", f"`{name}` may be given once")
        given[name] = args[name]
    if route.method == "POST":
        given |= _body(route, body)
    for parameter in route.parameters:
        if parameter.name in given:
            given[parameter.name] = parameter.read(given[parameter.name])
        elif parameter.required:
            raise RequestError(422, parameter.code, f"`{parameter.name}` is missing")
    return given | dict(caller)


def _body(route: Route, body: bytes) -> dict[str, Any]:
    fields = read_object(body)
    known = {parameter.name for parameter in route.of("body")}
    for name in sorted(fields.keys() - known):
        raise RequestError(422, "unknown_field", f"`{name[:32]}` is none of {sorted(known)}")
    return fields
