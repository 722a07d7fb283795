"""The real Pub/Sub emulator, with the topics and push subscriptions the catalog asks for."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from infra.local.jars import pubsub_emulator
from shared.catalog import Catalog, Function

DEAD_LETTER = "dead-letter"
KEPT = "dead-letter-kept"  # nobody consumes it: it keeps dead letters for a person to look at


def command(port: int) -> list[str]:
    """Return the command that runs the emulator on 127.0.0.1:`port`.

    Ready when `GET /` answers. Its state is in memory, so topics must be made again after a
    restart, and messages under way are lost with it.
    """
    return [*pubsub_emulator(), "--host=127.0.0.1", f"--port={port}"]


def subscription_name(function: str) -> str:
    """Return the name of the push subscription that feeds a function."""
    return function.replace("_", "-")


def create_topics(
    catalog: Catalog,
    project: str,
    emulator_host: str,
    push_url: Callable[[str], str],
    *,
    fastest_retry: bool = False,
    max_attempts_override: int | None = None,
    max_backoff_override_s: int | None = None,
) -> None:
    """Create every topic, and a push subscription for every step; what exists already stays.

    The settings are those of the deployment: ack deadline, retention, backoff, dead letters.
    For tests, `fastest_retry` leaves the backoff out (the emulator then retries once a second,
    its fastest: any policy makes it slower), and the overrides replace the catalog's numbers.

    Args:
        catalog: the map.
        project: the Google Cloud project of the local stack.
        emulator_host: `host:port` of the emulator.
        push_url: tells where to push the messages for a function, by its name.
        fastest_retry: leave out the retry policy.
        max_attempts_override: deliveries before a dead letter, 5 to 100 (Pub/Sub's own bounds).
        max_backoff_override_s: the longest pause between two deliveries, seconds.

    Raises:
        urllib.error.URLError: the emulator is not there, or refuses a setting.
    """
    base = f"http://{emulator_host}/v1/projects/{project}"
    topic_path = f"projects/{project}/topics"
    overrides = {"max_attempts": max_attempts_override, "max_backoff_s": max_backoff_override_s}
    # Each topic directly before its subscriptions: what is published in between is lost. The
    # dead-letter topic is first, because subscriptions name it.
    for topic in sorted(catalog.topics, key=lambda name: name != DEAD_LETTER):
        _put(f"{base}/topics/{topic}", {})
        if topic == DEAD_LETTER:
            kept = {"topic": f"{topic_path}/{topic}", "expirationPolicy": {}}
            _put(f"{base}/subscriptions/{KEPT}", kept)
        for function in catalog.consumers(topic):
            limits = {**function.limits, **{k: v for k, v in overrides.items() if v is not None}}
            settings = _subscription(function, limits, topic_path, fastest_retry=fastest_retry)
            settings["pushConfig"] = {"pushEndpoint": push_url(function.name)}
            _put(f"{base}/subscriptions/{subscription_name(function.name)}", settings)


def _subscription(
    function: Function, limits: Mapping[str, Any], topic_path: str, *, fastest_retry: bool
) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "topic": f"{topic_path}/{function.topic}",
        "ackDeadlineSeconds": limits["ack_deadline_s"],
        "messageRetentionDuration": f"{limits['retention_s']}s",
        "expirationPolicy": {},  # never: an unused subscription would vanish after 31 days
    }
    if not fastest_retry:
        longest = limits["max_backoff_s"]
        settings["retryPolicy"] = {
            "minimumBackoff": f"{min(limits['min_backoff_s'], longest)}s",
            "maximumBackoff": f"{longest}s",
        }
    # A dead letter that fails again must not become a dead letter again: that would be a circle.
    if function.topic != DEAD_LETTER:
        settings["deadLetterPolicy"] = {
            "deadLetterTopic": f"{topic_path}/{DEAD_LETTER}",
            "maxDeliveryAttempts": limits["max_attempts"],
        }
    return settings


def _put(url: str, settings: Mapping[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own loopback URL
        url,
        data=json.dumps(settings).encode(),
        headers={"Content-Type": "application/json"},
        method="PUT",
    )
    try:
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - as above
    except urllib.error.HTTPError as refusal:
        with refusal:
            if refusal.code == HTTPStatus.CONFLICT:  # there already
                return
            refusal.add_note(refusal.read().decode(errors="replace"))
            raise
