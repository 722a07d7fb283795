"""publish_vs_raw and relay_rows_per_second: what is put on the bus, beside the raw client."""

from __future__ import annotations

import os
from typing import Any

import psycopg
from google.cloud.pubsub_v1 import PublisherClient
from google.pubsub_v1 import PublisherClient as Generated
from google.pubsub_v1 import PubsubMessage

from infra.local.stack import PROJECT
from shared import catalog
from shared.events import Event, Ref, encode, new_traceparent
from shared.publisher import Publisher
from shared.relay import announcements, drain
from shared.stores.core_outbox import CoreOutbox
from tests.bench.measure import in_turns
from tests.bench.report import Figure
from tests.bench.world import Stores, World, fresh_id

TOPIC = f"projects/{PROJECT}/topics/prescription-changed"
_UNSENT = """
insert into sync.outbox (kind, key, version)
select 'prescription', gen_random_uuid()::text, nextval('sync.version')
from generate_series(1, %(count)s)
"""
_ROWS = 1000  # of a claim
_PLAIN = """
create table if not exists least_outbox (like sync.outbox including all);
truncate least_outbox;
insert into least_outbox select * from sync.outbox where sent_at is null;
"""
_LEASED = """
update least_outbox set lease_until = now() where ctid = any (array(
  select ctid from least_outbox where sent_at is null limit %(rows)s)) returning ctid::text
"""
_SENT = "update least_outbox set sent_at = now() where ctid = any (%(places)s::tid[])"


class Raw:
    """Google's own client: one synchronous call per request, messages made beforehand."""

    def __init__(self) -> None:
        self._client = PublisherClient()

    def publish(self, messages: list[PubsubMessage]) -> None:
        """Publish messages to one topic."""
        Generated.publish(self._client, topic=TOPIC, messages=messages, timeout=10, retry=None)

    def close(self) -> None:
        """Close the connection."""
        self._client.transport.close()


def run(world: World) -> list[Figure]:
    """Measure both."""
    os.environ["PUBSUB_EMULATOR_HOST"] = world.bus
    raw, lean = Raw(), Publisher()
    try:
        return [_publish(world, raw, lean), _relay(world, raw, lean)]
    finally:
        raw.close()
        lean.close()


def messages(events: list[Event]) -> list[PubsubMessage]:
    """Return the events as Google's client wants them."""
    pairs = [encode(event) for event in events]
    return [PubsubMessage(data=data, attributes=attributes) for data, attributes in pairs]


def _publish(world: World, raw: Raw, lean: Publisher) -> Figure:
    times = world.amount(300, 5)
    event = Event("prescription-changed", (Ref("prescription", fresh_id(), 7),), new_traceparent())
    ready = messages([event])
    taken = in_turns(
        world.amount(9, 1),
        {
            "ours": lambda: [lean.publish([event]) for _ in range(times)],
            "raw": lambda: [raw.publish(ready) for _ in range(times)],
        },
    )
    value = taken["ours"].median / taken["raw"].median
    each = 1000 / times
    return Figure(
        "publish_vs_raw",
        round(value, 3),
        value <= 1.3,
        f"{taken['ours'].times(each)} ms for one event of one ref",
        f"{taken['raw'].times(each)} ms: the same message by google-cloud-pubsub's publish call",
    )


def _relay(world: World, raw: Raw, lean: Publisher) -> Figure:
    rows = world.amount(10_000, 200)
    topics = catalog.load().announced_by("core")
    with world.stores() as stores:
        outbox = CoreOutbox(stores.core)

        def relay() -> None:
            if drain(outbox, lean.publish, topics, budget_s=60) != rows:
                raise RuntimeError("the relay left rows")

        refs = [Ref("prescription", fresh_id(), n) for n in range(rows)]
        events = announcements(refs, topics)
        ready = [messages(events[start : start + 10]) for start in range(0, len(events), 10)]

        taken = in_turns(
            world.amount(5, 1),
            {
                "raw": lambda: [raw.publish(batch) for batch in ready],
                "ours": relay,
                "least": lambda: _written(stores.core_sql, rows),
            },
            before=lambda: _unsent(stores, rows),
        )
    per = {name: rows / spread.median for name, spread in taken.items()}
    value = per["ours"] / per["raw"]
    return Figure(
        "relay_rows_per_second",
        round(per["ours"]),
        value >= 0.6,
        f"{per['ours']:.0f} rows/s claimed, published in messages of 100 and settled",
        f"{per['raw']:.0f} rows/s: the same messages published and nothing else; ratio {value:.2f}",
        f"{per['least']:.0f} rows/s are written twice and do not wait for the disk, with nothing"
        f" published ({per['least'] / per['raw']:.2f})",
    )


def _unsent(stores: Stores, rows: int) -> None:
    stores.core_sql.execute(_UNSENT, {"count": rows})
    stores.core_sql.execute(_PLAIN)


def _written(core: psycopg.Connection[Any], rows: int) -> None:
    """Write every row twice, as a lease and as sent, by its place, and wait for no disk."""
    core.execute("set synchronous_commit to off")
    for _ in range(0, rows, _ROWS):
        places = [place for (place,) in core.execute(_LEASED, {"rows": _ROWS})]
        core.execute(_SENT, {"places": places})
