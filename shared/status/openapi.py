"""The OpenAPI 3.1 document of a function's routes, made from the routes themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from shared.status.routes import Parameter, Route

_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
    "required": ["error"],
}
_PLAIN: Mapping[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
}
_REFUSALS = {
    "400": "the body is not JSON",
    "401": "no credentials, or not valid ones",
    "403": "the caller may not do this",
    "413": "the body is too large",
    "415": "the body must be application/json",
    "422": "a parameter breaks a rule; the message names both",
    "429": "too many requests; Retry-After says how long to wait",
    "503": "a store cannot be reached; try again",
}
_OF_BODIES = {"400", "413", "415"}


def document(title: str, text: str, routes: Sequence[Route]) -> dict[str, Any]:
    """Return the document."""
    schemas: dict[str, Any] = {"Error": _ERROR}
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1", "description": text},
        "servers": [{"url": "."}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    body = route.of("body")
    answers = {
        status: _answer(text, {"$ref": "#/components/schemas/Error"})
        for status, text in _REFUSALS.items()
        if route.method == "POST" or status not in _OF_BODIES
    }
    if route.unknown:
        answers["404"] = _answer(route.unknown, {"$ref": "#/components/schemas/Error"})
    answers[str(route.status)] = _answer(
        route.text, schema_of(route.returns, schemas), route.content_type
    )
    names = [word for word in route.path.replace("{", "").replace("}", "").split("/") if word]
    operation: dict[str, Any] = {
        "operationId": "_".join([route.method.lower(), *names]).replace(".", "_"),
        "summary": route.text,
        "parameters": [_parameter(p) for p in route.parameters if p.where != "body"],
        "responses": dict(sorted(answers.items())),
    }
    if route.method == "POST":
        schema = {
            "type": "object",
            "properties": {p.name: dict(p.schema) | {"description": p.text} for p in body},
            "required": [p.name for p in body if p.required],
            "additionalProperties": False,
        }
        content = {"application/json": {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required or parameter.where == "path",
        "schema": dict(parameter.schema),
        "description": parameter.text,
    }


def _answer(
    text: str, schema: Mapping[str, Any], content_type: str = "application/json"
) -> dict[str, Any]:
    return {"description": text, "content": {content_type: {"schema": schema}}}


def schema_of(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a type; dataclasses are put into `schemas` by name."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if kind.__name__ not in schemas:
            schemas[kind.__name__] = {}  # a type may hold itself
            schemas[kind.__name__] = _object(kind, schemas)
        return {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {} if kind is Any else dict(_PLAIN.get(kind) or _compound(kind, schemas))


def _compound(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return {"anyOf": [schema_of(argument, schemas) for argument in arguments]}
    if origin is tuple and arguments[-1] is not Ellipsis:
        items = [schema_of(argument, schemas) for argument in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items)}
    if origin in {list, tuple}:
        return {"type": "array", "items": schema_of(arguments[0], schemas)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1], schemas)}
    raise TypeError(f"no schema for {kind}")


def _object(kind: type, schemas: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(kind, localns={"datetime": datetime})
    names = [field.name for field in dataclasses.fields(kind)]
    return {
        "type": "object",
        "properties": {name: schema_of(hints[name], schemas) for name in names},
        "required": names,
    }
