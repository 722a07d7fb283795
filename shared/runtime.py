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

from shared import catalog, clients, log, pauses, transport
from shared.access import caller, limits
from shared.erasure import tombstones
from shared.errors import PermanentError, RequestError, TransientError, where
from shared.events import Event, Ref, decode
from shared.observability import tracing
from shared.outcomes import Outcome, Outcomes, unknown_code
from shared.replies import Reply
from shared.runner import Batch, RefusedError, Runner

if TYPE_CHECKING:
    from flask import Request

    from shared.clients import Clients

Answer = tuple[str, int, dict[str, str]]
StepWork = Callable[[Batch, "Clients"], Outcomes]
Endpoint = Callable[["Request", "Clients"], "dict[str, Any] | Reply"]

_OPAQUE = {
    401: {"error": "unauthorized", "message": "the request does not prove where it comes from"},
    403: {"error": "forbidden", "message": "the caller may not do this"},
}
CORE_FIRST: set[str] = set()  # steps, as their modules are imported
_rejections = limits.Limit(5)  # lines per second and function: a flood must not become one of lines
_uncounted: Counter[str] = Counter()


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


def core_first(work: StepWork) -> StepWork:
    """
    Declare, below `@step`, that a step does nothing but read before its first use of core: the
    question about tombstones travels with that. The contract tests hold it to its word.
    """
    CORE_FIRST.add(work.__name__)
    return work


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
        outcomes = _run(_runner(name, function, work, to), event, to)
        _tell(name, outcomes, ms=round((time.monotonic() - began) * 1000))
    return outcomes


def _run(runner: Runner, event: Event, to: Clients) -> list[Outcome]:
    """Run a step on what is not buried."""
    if runner.step in CORE_FIRST:
        try:
            with to.core_tombstones.asked_along(event.refs):
                return runner.run(event)
        except tombstones.BuriedError:
            pass  # nothing was done: ask which, and go on with the others
    living, outcomes = tombstones.refuse(runner.step, event, to.core_tombstones, to.ledger.record)
    return outcomes + runner.run(living) if living.refs else outcomes


def _tell(name: str, outcomes: Sequence[Outcome], ms: int) -> None:
    """Log and count what became of a delivery; unknown errors of some entities with their place."""
    for code, at in sorted({(o.code or "", o.at) for o in outcomes if o.at}):
        log.event("unknown_error", severity="ERROR", step=name, code=code, at=at)
    counts: dict[str, Any] = dict(Counter(outcome.state for outcome in outcomes))
    log.event("delivered", step=name, count=len(outcomes), **counts, ms=ms)
    tracing.count(name, outcomes)


def _runner(name: str, function: catalog.Function, work: StepWork, to: Clients) -> Runner:
    return Runner(
        name,
        function.emits,
        functools.partial(_call, work, to),
        publish=to.publish,
        record=to.ledger.record,
        now=to.now,
    )


def _call(work: StepWork, to: Clients, batch: Batch) -> Outcomes:
    return work(batch, to)


def endpoint(work: Endpoint) -> Callable[[Request], Answer]:
    """
    Make an HTTP entry point: JSON answers, a clear 4xx for a caller's mistake, else a 5xx.

    A function that the catalog calls public admits its callers itself, at a limited rate; any other
    is for the account that may call it. A stranger learns from no answer what the log knows.
    """
    name = work.__name__

    @functools.wraps(work)
    def entry(request: Request) -> Answer:
        log.quiet_vendors()
        public = bool(catalog.load().functions[name].trigger.get("public"))
        try:
            if public:
                admit(name, request, clients.current())
            else:
                caller.verify(request.headers.get("Authorization", ""), request.host)
            with tracing.invocation(name, request.headers.get("traceparent")):
                answer = work(request, clients.current())
            return answer.answer() if isinstance(answer, Reply) else _json(200, answer)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the host outlives any step
            return _failed(name, error, public=public)

    return entry


def admit(name: str, request: Request, to: Clients) -> None:
    """Raise RequestError 429 for a caller of a public function who asks too often."""
    via = request.headers.get("X-Forwarded-For", "")
    to.limits[name].admit(limits.address(via, request.remote_addr))


def _failed(name: str, error: BaseException, *, public: bool = False) -> Answer:
    """Answer and log what was raised, under the trace in which it was raised."""
    with tracing.resumed(error):
        match error:
            case RequestError():
                return reject(name, error)
            case RefusedError():
                tracing.count(name, error.outcomes)
                first = error.outcomes[0]
                code, at, retry_after = first.code or "refused", first.at, error.retry_after
            case TransientError():
                code, at, retry_after = error.code, None, error.retry_after
            case _:
                code, at, retry_after = unknown_code(error), where(error), None
        # Our bug, or a fault of others.
        status = 503 if isinstance(error, TransientError | RefusedError) else 500
        if code.startswith("unknown_"):
            status = 500
        severity = "ERROR" if status == 500 else "WARNING"
        log.event("refused", severity=severity, step=name, code=code, at=at)
    said = {"error": "unavailable" if public else code}
    return _json(429 if retry_after else status, said, retry_after)


def reject(name: str, error: RequestError) -> Answer:
    """Tell a caller which rule the request breaks; but not what is wrong with its credentials."""
    note_rejection(name, error)
    said = _OPAQUE.get(error.status) or {"error": error.code, "message": error.message}
    return _json(error.status, said, error.retry_after)


def note_rejection(name: str, error: RequestError) -> None:
    """Write a line about a rejection, or count it with the next where there are very many."""
    if _rejections.take(name):
        _uncounted[name] += 1
        return
    also = _uncounted.pop(name, 0)
    log.event(
        "rejected",
        severity="WARNING",
        step=name,
        code=error.code,
        status=error.status,
        count=also + 1 if also else None,
    )


def _json(status: int, body: dict[str, Any], retry_after: float | None = None) -> Answer:
    headers = {"Content-Type": "application/json"}
    if retry_after:
        headers["Retry-After"] = str(round(retry_after) or 1)
    return json.dumps(body), status, headers
