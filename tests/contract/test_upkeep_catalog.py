"""A kind of entity that joins the catalog is known to all of the upkeep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg

from shared import catalog, settings
from shared.catalog import minutes
from shared.repair.projections import PROJECTIONS

FUNCTIONS = catalog.load().functions


def test_replays_may_publish_to_the_topic_of_every_step() -> None:
    topics = {step.topic for step in catalog.load().steps()} - {"dead-letter"}
    assert set(FUNCTIONS["retry_failed"].emits) == topics
    assert set(FUNCTIONS["sync_status"].emits) == topics


def test_each_relay_may_publish_what_its_place_announces() -> None:
    for place in ("core", "supabase"):
        topics = set(catalog.load().announced_by(place).values())
        assert set(FUNCTIONS[f"relay_{place}_outbox"].emits) == topics


def test_reconciliation_and_canary_may_publish_what_firebase_announces() -> None:
    places = ("firebase", "firestore/users", "firestore/doctors")
    topics = {t for place in places for t in catalog.load().announced_by(place).values()}
    assert set(FUNCTIONS["reconcile"].emits) == topics
    assert set(FUNCTIONS["remove_orphans"].emits) < topics
    assert "user-changed" in FUNCTIONS["run_canary"].emits


def test_every_table_that_core_watches_is_announced_and_the_other_way_round(
    sql: psycopg.Connection[dict[str, Any]],
) -> None:
    watched = {row["kind"] for row in sql.execute("select kind from sync.watched").fetchall()}
    assert watched == catalog.load().announced_by("core").keys()


def test_every_projection_names_steps_of_its_kind_and_a_source_that_announces_it() -> None:
    for projection in PROJECTIONS.values():
        assert projection.kind in catalog.load().announced_by(projection.source)
        for step in projection.steps:
            topic = FUNCTIONS[step].topic or ""
            assert catalog.load().topics[topic]["kind"] == projection.kind


def test_the_local_scheduler_keeps_the_proportions_of_the_crons() -> None:
    crons = ("* * * * *", "*/5 * * * *", "17 * * * *", "30 2 * * *")
    assert [minutes(cron) for cron in crons] == [1, 5, 60, 1440]


def test_an_erasure_is_certified_before_its_waiting_is_an_alarm() -> None:
    watched = (Path(__file__).parents[2] / "terraform" / "variables_watch.tf").read_text()
    alert = re.search(r'^variable "alert_after_s" \{.*?default += (\d+)', watched, re.S | re.M)
    assert alert
    # No step may still run when it looks; at the latest it comes one backoff after that.
    latest_s = settings.erasure_quiet_s() + FUNCTIONS["certify_erasure"].limits["max_backoff_s"]
    assert latest_s < int(alert[1])
