"""Generated requests, valid and not: the functions keep what the OpenAPI document says."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.stores.core import CoreDatabase
from shared.stores.supabase import Supabase
from tests.contract.real_stores import RealStores, Sql
from tests.contract.served_status import (
    app,
    bring_patients,
    signed,
    signed_in,
)


@pytest.fixture(name="to")
def _to(
    core: CoreDatabase, sql: Sql, supabase: Supabase, supabase_sql: Sql,
    monkeypatch: pytest.MonkeyPatch,
) -> RealStores:  # fmt: skip
    to = RealStores(core, sql, supabase, supabase_sql)
    bring_patients(to, monkeypatch)
    return to


FUNCTIONS = ("sync_status", "patient_status", "receive_announcement")
_UNMINDED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large,
             HealthCheck.function_scoped_fixture)  # fmt: skip
CHECKS: Any = (
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_schema_conformance, negative_data_rejection, positive_data_acceptance,
)  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_served_keeps_what_the_openapi_document_says(to: RealStores, name: str) -> None:
    """Generated requests, valid and not, against the functions as they are served."""
    served = app(name)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", served)
    asked = 0
    schema.config.generation.update(with_security_parameters=False)  # `send` adds them
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # pyright: ignore[reportAttributeAccessIssue]
        for mode in GenerationMode:
            if mode is GenerationMode.POSITIVE or has_rules(operation):
                asked += ask(operation, mode, served.test_client(), to)
    assert asked > 20


def has_rules(operation: Any) -> bool:
    """Tell whether there is any request that breaks a rule of the document."""
    return bool(list(operation.iter_parameters()) or operation.body)


def ask(operation: Any, mode: GenerationMode, client: FlaskClient, to: RealStores) -> int:
    """Send generated requests of one kind and check the answers; return how many."""
    asked = 0

    @settings(max_examples=12, deadline=None, derandomize=True, database=None,
              suppress_health_check=_UNMINDED)  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def keeps(case: Any) -> None:
        nonlocal asked
        assume("\n" not in unquote(case.formatted_path))  # functions-framework's own 404, in HTML
        asked += 1
        to.__dict__.pop("limits", None)  # so many requests would be too many
        case.validate_response(send(client, case), checks=CHECKS)

    keeps()
    return asked


def send(client: FlaskClient, case: Any) -> Any:
    """Send a case as itself, from a caller whom the function knows."""
    sent = case.as_transport_kwargs()
    body = sent.get("data")
    if "json" in sent:
        body = json.dumps(sent["json"])
    raw = body.encode() if isinstance(body, str) else body or b""
    headers = {k: v for k, v in (sent.get("headers") or {}).items() if k != "Authorization"}
    headers |= signed_in("u1") | (signed(raw) if case.method == "POST" else {})
    query = {k: v for k, v in (case.query or {}).items() if v is not None}
    return client.open(
        case.formatted_path, method=case.method, query_string=query, data=raw, headers=headers
    )
