"""Google's keys are fetched once, rotate, and are not hammered by made-up key ids."""

from __future__ import annotations

from typing import Any

import pytest

from shared.access.google_keys import FIRST_PAUSE_S, FRESH_S, PAUSE_S, STALE_S, GoogleKeys, keys_at
from shared.errors import TransientError
from tests.steps.google import Google


class Source:
    """What Google publishes, how often it was asked, and the time."""

    def __init__(self) -> None:
        self.published = ["one"]
        self.away = False
        self.asked = 0
        self.now = 1000.0
        self.keys = GoogleKeys(self.fetch, lambda: self.now)

    def fetch(self) -> dict[str, Any]:  # of what stands for keys: nothing looks into them here
        self.asked += 1
        if self.away:
            raise TransientError("google_keys_unreachable")
        return {name: object() for name in self.published}

    def found(self, key_id: object) -> bool:
        return self.keys.find(key_id) is not None


@pytest.fixture(name="source")
def _source() -> Source:
    return Source()


def test_keys_are_fetched_once_an_hour(source: Source) -> None:
    assert all(source.found("one") for _ in range(100))
    assert source.asked == 1
    source.now += FRESH_S + 1
    assert source.found("one")
    assert source.asked == 2


def test_a_new_key_is_found_at_once_and_a_withdrawn_one_no_longer(source: Source) -> None:
    assert source.found("one")
    source.published = ["two"]
    source.now += PAUSE_S
    assert source.found("two")
    assert not source.found("one")


def test_a_withdrawn_key_is_out_within_the_hour_though_nobody_names_a_new_one(
    source: Source,
) -> None:
    assert source.found("one")
    source.published = ["two"]
    source.now += FRESH_S + 1
    assert not source.found("one")


@pytest.mark.parametrize("key_id", ["made-up", None, 7, [], {}])
def test_a_flood_of_made_up_ids_is_no_flood_of_fetches(source: Source, key_id: object) -> None:
    assert source.found("one")
    for _ in range(1000):
        assert not source.found(key_id)
        source.now += 0.1
    assert source.asked <= 2 + 100 / PAUSE_S
    assert source.found("one")


def test_known_keys_serve_on_for_hours_when_google_is_away_and_then_nobody_is_admitted(
    source: Source,
) -> None:
    assert source.found("one")
    source.away = True
    source.now += STALE_S
    assert source.found("one")
    source.now += 1
    with pytest.raises(TransientError, match="google_keys_unreachable"):
        source.found("one")
    source.away = False
    source.now += PAUSE_S
    assert source.found("one")


def test_a_google_that_is_away_at_the_start_is_asked_again_soon_but_not_by_everybody(
    source: Source,
) -> None:
    source.away = True
    for _ in range(10):
        with pytest.raises(TransientError):
            source.found("one")
    assert source.asked == 1
    source.away = False
    source.now += FIRST_PAUSE_S
    assert source.found("one")


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_without_keys_is_google_being_away(google: Google, status: int) -> None:
    google.status = status
    with pytest.raises(TransientError, match="google_keys_unreachable"):
        keys_at(google.url).find("one")
