"""
Publish events to their topics.

One synchronous call of the generated client: 0.6 ms, against 12.5 ms of the default batching
client, whose background thread also freezes when a function's CPU is throttled after its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared import settings, tracing
from shared.errors import TransientError
from shared.events import Event, encode

if TYPE_CHECKING:
    from google.cloud.pubsub_v1 import PublisherClient
    from google.pubsub_v1 import PubsubMessage

_TIMEOUT_S = 10.0
_MESSAGES_PER_CALL = 1000  # the service's own limit


class Publisher:
    """Publishes to the topics of one project."""

    def __init__(self) -> None:
        from google.cloud.pubsub_v1 import PublisherClient

        self._client: PublisherClient = PublisherClient()
        self._project = settings.required("GOOGLE_CLOUD_PROJECT")

    def publish(self, events: Sequence[Event], *, timeout_s: float = _TIMEOUT_S) -> None:
        """
        Return when all are accepted. Raise TransientError when any may not have been.

        The client's own retry is off: it would go on for ten minutes, whatever the timeout.
        """
        with tracing.sending(events) as sent:
            self._publish(sent, timeout_s)

    def _publish(self, events: Sequence[Event], timeout_s: float) -> None:
        from google.api_core.exceptions import GoogleAPIError
        from google.pubsub_v1 import PublisherClient as Generated

        by_topic: dict[str, list[Event]] = {}
        for event in events:
            by_topic.setdefault(event.topic, []).append(event)
        try:
            for topic, batch in by_topic.items():
                path = f"projects/{self._project}/topics/{topic}"
                for start in range(0, len(batch), _MESSAGES_PER_CALL):
                    messages = [_message(e) for e in batch[start : start + _MESSAGES_PER_CALL]]
                    # The batching client has a `publish` of its own over the generated one.
                    Generated.publish(
                        self._client, topic=path, messages=messages, timeout=timeout_s, retry=None
                    )
        except GoogleAPIError:
            raise TransientError("publish_failed") from None


def _message(event: Event) -> PubsubMessage:
    from google.pubsub_v1 import PubsubMessage

    data, attributes = encode(event)
    return PubsubMessage(data=data, attributes=attributes)
