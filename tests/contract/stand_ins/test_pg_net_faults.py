"""The stand-in of pg_net losing, repeating and delaying requests, as the real one can."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable, Generator

import psycopg
import pytest

from infra.local.pg_net.sending import Faults
from tests.contract.launcher import Launcher, Project, StandIn, until
from tests.contract.stand_ins.receiver import Receiver, post, queued, responses


@pytest.fixture(name="start")
def _start(launcher: Launcher, stand_in: Project) -> Generator[Callable[..., StandIn]]:
    """Starts a worker; ended after the test."""
    made: list[StandIn] = []

    def start(*arguments: str) -> StandIn:
        given = ("--pause-ms", "50", *arguments)
        made.append(launcher.make("pg_net", *given, says="working", SUPABASE_DSN=stand_in.dsn))
        return made[-1].start()

    yield start
    for worker in made:
        if worker.process is not None and worker.process.poll() is None:
            worker.end()


def test_what_a_seed_drops_and_repeats_is_dropped_and_repeated(
    net: psycopg.Connection, receiver: Receiver, start: Callable[..., StandIn]
) -> None:
    times = Faults(0.2, 0.2).times(150, random.Random(7))
    expected = Counter({n: count for n, count in enumerate(times, start=1) if count})
    assert {0, 1, 2} == set(times)
    start("--drop", "0.2", "--duplicate", "0.2", "--seed", "7")
    post(net, f"{receiver.url}/some", rows=150)
    until(lambda: queued(net) == 0)
    assert receiver.numbers() == expected
    assert len(responses(net)) == len(expected)


def test_faults_can_be_changed_while_it_runs(
    net: psycopg.Connection, receiver: Receiver, start: Callable[..., StandIn]
) -> None:
    start("--drop", "1")
    post(net, f"{receiver.url}/lost", rows=5)
    until(lambda: queued(net) == 0)
    net.execute("insert into net.standin_faults (duplicate_rate, delay_ms) values (1, 10)")
    post(net, f"{receiver.url}/twice", rows=5)
    until(lambda: len(responses(net)) == 5)
    assert Counter(request.path for request in receiver.received) == {"/twice": 10}


def test_a_worker_killed_while_sending_sends_again(
    net: psycopg.Connection, receiver: Receiver, start: Callable[..., StandIn]
) -> None:
    worker = start()
    post(net, f"{receiver.url}/slow")
    until(lambda: len(receiver.received) == 1)
    worker.end(signal.SIGKILL)
    worker.start()
    until(lambda: len(responses(net)) == 1)
    assert receiver.numbers() == {1: 2}


def test_it_comes_back_after_its_connection_was_cut(
    net: psycopg.Connection, receiver: Receiver, start: Callable[..., StandIn]
) -> None:
    worker = start()
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_net'"
    until(lambda: net.execute(cut).fetchall() == [(True,)])
    post(net, f"{receiver.url}/again")
    until(lambda: len(responses(net)) == 1)
    assert receiver.numbers() == {1: 1}
    assert worker.end() == 0
