"""
The only place that knows transport: it turns a step into an entry point.

A delivery is answered 204 when every entity is settled (done, parked or for a person to decide)
and 429/503 when the message must come again. 202 would be read as a refusal by the emulator.
"""

from __future__ import annotations

import functools
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from shared import caller, catalog, clients, log, pauses, tracing, transport
from shared.errors import PermanentError, RequestError, TransientError, where
from shared.events import Ref, decode
from shared.outcomes import Outcome, Outcomes, unknown_code
from shared.runner import Batch, RefusedError, Runner

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

Answer = tuple[str, int, dict[str, str]]
StepWork = Callable[[Batch, "Clients"], Outcomes]
Endpoint = Callable[["Request", "Clients"], dict[str, Any]]


def step(work: StepWork) -> Callable[[Request], Answer]:
    """Make an entry point that consumes the topic the catalog gives to the step of this name."""
    name = work.__name__

    @functools.wraps(work)
    def entry(request: Request) -> Answer:
        log.quiet_vendors()
        try:
            caller.verify(request.headers.get("Authorization", ""), request.host)
            deliver(name, work, clients.current(), request.get_data(), dict(request.headers))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the host outlives any step
            return _failed(name, error)
        return "", 204, {}

    return entry


def deliver(
    name: str, work: StepWork, to: Clients, body: bytes, headers: dict[str, str]
) -> list[Outcome]:
    """Run one delivery of a step. A message that cannot be read is parked, never redelivered."""
    began = time.monotonic()
    function = catalog.load().functions[name]
    topic = function.topic or ""
    message_id = "unknown"
    try:
        message = transport.decode(body, headers.get("Content-Type", ""))
        message_id = message.message_id
        event = decode(topic, message.data, message.attributes)
    except PermanentError as error:
        unreadable = Outcome(Ref("message", message_id), "parked", error.code)
        to.ledger.record(Batch(name, (unreadable.ref,), ""), [unreadable])
        log.event("unreadable", severity="ERROR", step=name, code=error.code)
        return [unreadable]
    with tracing.delivery(name, message, event) as event:
        pauses.respect(name, event, message.attempt, to.ledger, to.now())
        runner = Runner(
            name,
            function.emits,
            functools.partial(_call, work, to),
            publish=to.publish,
            record=to.ledger.record,
            now=to.now,
        )
        outcomes = runner.run(event)
        _tell(name, outcomes, ms=round((time.monotonic() - began) * 1000))
    return outcomes


def _tell(name: str, outcomes: Sequence[Outcome], ms: int) -> None:
    """Log and count what became of a delivery; unknown errors of some entities with their place."""
    for code, at in sorted({(o.code or "", o.at) for o in outcomes if o.at}):
        log.event("unknown_error", severity="ERROR", step=name, code=code, at=at)
    counts: dict[str, Any] = dict(Counter(outcome.state for outcome in outcomes))
    log.event("delivered", step=name, count=len(outcomes), **counts, ms=ms)
    tracing.count(name, outcomes)


def _call(work: StepWork, to: Clients, batch: Batch) -> Outcomes:
    return work(batch, to)


def endpoint(work: Endpoint) -> Callable[[Request], Answer]:
    """Make an HTTP entry point: JSON answers, a clear 4xx for a caller's mistake, else a 5xx."""
    name = work.__name__

    @functools.wraps(work)
    def entry(request: Request) -> Answer:
        log.quiet_vendors()
        try:
            if not catalog.load().functions[name].trigger.get("public"):
                caller.verify(request.headers.get("Authorization", ""), request.host)
            with tracing.invocation(name, request.headers.get("traceparent")):
                return _json(200, work(request, clients.current()))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the host outlives any step
            return _failed(name, error)

    return entry


def _failed(name: str, error: BaseException) -> Answer:
    """Answer and log what was raised, under the trace in which it was raised."""
    with tracing.resumed(error):
        match error:
            case RefusedError():
                tracing.count(name, error.outcomes)
                first = error.outcomes[0]
                code = first.code or "refused"
                # Our bug, or a fault of others.
                status = 500 if code.startswith("unknown_") else 503
                return _refuse(name, code, error.retry_after, status, first.at)
            case RequestError():
                return _reject(name, error)
            case TransientError():
                return _refuse(name, error.code, error.retry_after, 503)
            case _:
                return _refuse(name, unknown_code(error), None, 500, where(error))


def _refuse(
    name: str, code: str, retry_after: float | None, status: int, at: str | None = None
) -> Answer:
    severity = "ERROR" if status == 500 else "WARNING"
    log.event("refused", severity=severity, step=name, code=code, at=at)
    body, status, headers = _json(429 if retry_after else status, {"error": code})
    if retry_after:
        headers["Retry-After"] = str(round(retry_after) or 1)
    return body, status, headers


def _reject(name: str, error: RequestError) -> Answer:
    log.event("rejected", severity="WARNING", step=name, code=error.code, status=error.status)
    return _json(error.status, {"error": error.code, "message": error.message})


def _json(status: int, body: dict[str, Any]) -> Answer:
    return json.dumps(body), status, {"Content-Type": "application/json"}
