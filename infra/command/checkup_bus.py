"""What `doctor` looks at in Pub/Sub: topics, subscriptions, dead letters, push endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from infra.command.checkup import Check, Finding
from shared import catalog, settings
from shared.errors import TransientError

if TYPE_CHECKING:
    from shared.clients import Clients

_TIMEOUT_S = 10
_DEAD_LETTER = "dead-letter"


def push_subscriptions(_: Clients) -> list[Finding]:
    """Compare Pub/Sub with the catalog, and see that something answers at every endpoint."""
    from google.api_core.exceptions import GoogleAPIError
    from google.cloud.pubsub_v1 import SubscriberClient

    project = f"projects/{settings.required('GOOGLE_CLOUD_PROJECT')}"
    try:
        with SubscriberClient() as client:
            listed = client.list_subscriptions(request={"project": project}, timeout=_TIMEOUT_S)
            found = {str(given.name).rpartition("/")[2]: given for given in listed}
    except GoogleAPIError:
        raise TransientError("pubsub_unreachable") from None
    steps = catalog.load().steps()
    wrong = [finding for step in steps if (finding := _judge(step, found))]
    ours = [found[name] for step in steps if (name := step.name.replace("_", "-")) in found]
    silent = {host for given in ours if (host := _silent(given))}
    wrong += [
        Finding("push endpoint", "wrong", f"nothing answers at {host}", "see that it is deployed")
        for host in sorted(silent)
    ]
    return wrong or [Finding("push subscriptions", "ok", f"{len(steps)} as in the catalog")]


def _judge(step: catalog.Function, found: dict[str, Any]) -> Finding | None:
    name = step.name.replace("_", "-")
    mend = "apply Terraform (locally: start the stack anew)"
    given = found.get(name)
    if given is None:
        return Finding(f"subscription {name}", "wrong", "missing", mend)
    if str(given.topic).rpartition("/")[2] != step.topic:
        return Finding(f"subscription {name}", "wrong", "of another topic", mend)
    if not given.push_config.push_endpoint:
        return Finding(f"subscription {name}", "wrong", "does not push", mend)
    if step.topic != _DEAD_LETTER and not given.dead_letter_policy.dead_letter_topic:
        return Finding(f"subscription {name}", "wrong", "has no dead letter topic", mend)
    return None


def _silent(given: Any) -> str:
    """Return the endpoint's host if nothing answers there; any answer at all is one."""
    endpoint = httpx.URL(str(given.push_config.push_endpoint or "http://127.0.0.1:9"))
    host = f"{endpoint.scheme}://{endpoint.netloc.decode()}"
    try:
        httpx.get(host, timeout=_TIMEOUT_S)
    except httpx.HTTPError:
        return host
    return ""


CHECKS: tuple[Check, ...] = (push_subscriptions,)
