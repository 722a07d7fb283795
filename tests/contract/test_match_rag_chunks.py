"""Search: exactly k of one patient, whoever asks, never another patient's."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from infra.local.processes import free_port
from tests.contract.launcher import Launcher
from tests.databases import FIREBASE_PROJECT, Databases

ISSUER = f"https://securetoken.google.com/{FIREBASE_PROJECT}"
PATIENTS, CHUNKS = 20, 200
Sql = psycopg.Connection[Any]

_FILL = """
insert into public.documents (id, patient_id, type)
select md5('d' || p)::uuid, 'uid-' || p, 'lab' from generate_series(0, %(patients)s - 1) p
"""
# The same vectors for every patient: whoever looks at the nearest of all finds others' first.
_CHUNKS = """
insert into public.rag_chunks (id, document_id, patient_id, chunk_index, chunk_text, embedding,
  content_hash, embedding_model)
select md5(p || '/' || c)::uuid, md5('d' || p)::uuid, 'uid-' || p, c, 'chunk ' || c,
       ('[1,' || c * 0.01 || repeat(',0', 1534) || ']')::extensions.vector, 'hash', 'model'
from generate_series(0, %(patients)s - 1) p, generate_series(0, %(chunks)s - 1) c
"""
# An index that somebody made is no reason for an approximate answer.
_INDEX = """
create index on public.rag_chunks using hnsw (embedding extensions.vector_cosine_ops)
"""
# As an edge function that knows no mark might still write it.
_LATE = """
insert into public.rag_chunks (patient_id, document_id, chunk_text, embedding)
select 'uid-3', md5('d3')::uuid, 'late', embedding from public.rag_chunks limit 1
"""
QUERY = [1.0] + [0.0] * 1535
_MATCH = """
select document_id::text, chunk_text, similarity
from public.match_rag_chunks(%(query)s::extensions.vector, %(k)s, %(patient)s)
"""


@pytest.fixture(scope="module", name="filled")
def _filled(databases: Databases) -> Generator[str]:
    with databases.supabase() as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute(_FILL, {"patients": PATIENTS})
            connection.execute(_CHUNKS, {"patients": PATIENTS, "chunks": CHUNKS})
            connection.execute(_INDEX)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("analyze public.rag_chunks")
        yield dsn


@contextmanager
def acting(dsn: str, role: str, uid: str | None = None) -> Generator[Sql]:
    """Act as PostgREST does for one request; nothing is kept."""
    with psycopg.connect(dsn) as connection:
        connection.execute(f"set local role {role}".encode())
        token = {"sub": uid, "iss": ISSUER, "aud": FIREBASE_PROJECT} if uid else {}
        claims = json.dumps(token | {"role": role})
        connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        yield connection
        connection.rollback()


def match(connection: Sql, k: int | None, patient: str | None = None) -> list[tuple[Any, ...]]:
    given = {"query": json.dumps(QUERY), "k": k, "patient": patient}
    return connection.execute(_MATCH, given).fetchall()


def nearest(k: int) -> list[str]:
    return [f"chunk {number}" for number in range(k)]


@pytest.mark.parametrize("k", [1, 10, 150])
def test_a_patient_finds_exactly_the_k_nearest_of_their_own(filled: str, k: int) -> None:
    with acting(filled, "authenticated", "uid-7") as connection:
        found = match(connection, k)
    assert [text for _, text, _ in found] == nearest(k)
    similarities = [similarity for *_, similarity in found]
    assert similarities == sorted(similarities, reverse=True)
    assert similarities[0] == pytest.approx(1.0)


def test_the_planner_cannot_make_the_answer_approximate(filled: str) -> None:
    with acting(filled, "authenticated", "uid-7") as connection:
        for other_plan in ("enable_sort", "enable_bitmapscan", "enable_seqscan"):
            connection.execute(f"set local {other_plan} = off".encode())
        assert [text for _, text, _ in match(connection, 50)] == nearest(50)


def test_more_than_there_are_gives_all_there_are(filled: str) -> None:
    with acting(filled, "authenticated", "uid-7") as connection:
        assert len(match(connection, 5_000)) == CHUNKS


@pytest.mark.parametrize("k", [0, -1, None])
def test_asking_for_none_gives_none(filled: str, k: int | None) -> None:
    with acting(filled, "authenticated", "uid-7") as connection:
        assert match(connection, k) == []


def test_no_patient_ever_sees_a_chunk_of_another(filled: str) -> None:
    for number in range(PATIENTS):
        with acting(filled, "authenticated", f"uid-{number}") as connection:
            documents = {row[0] for row in match(connection, CHUNKS)}
            own = connection.execute(
                "select distinct document_id::text from public.rag_chunks"
            ).fetchall()
        assert len(documents) == 1
        assert {row[0] for row in own} == documents


def test_naming_another_patient_finds_nothing(filled: str) -> None:
    with acting(filled, "authenticated", "uid-7") as connection:
        assert match(connection, 10, "uid-8") == []
        assert len(match(connection, 10, "uid-7")) == 10


def test_the_service_role_must_name_the_patient(filled: str) -> None:
    with acting(filled, "service_role") as connection:
        assert [text for _, text, _ in match(connection, 10, "uid-8")] == nearest(10)
        with pytest.raises(psycopg.errors.NullValueNotAllowed):
            match(connection, 10)


def test_without_a_sign_in_there_is_no_search(filled: str) -> None:
    with acting(filled, "anon") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        match(connection, 10)


def test_chunks_of_a_revoked_document_are_gone_for_everyone(filled: str) -> None:
    with psycopg.connect(filled) as connection:
        connection.execute(
            "update public.documents set revoked_at = now() where patient_id = 'uid-3'"
        )
        connection.execute(_LATE)
    with acting(filled, "authenticated", "uid-3") as connection:
        assert match(connection, 10) == []
        assert connection.execute("select * from public.rag_chunks").fetchall() == []
        assert connection.execute("select * from public.documents").fetchall() == []
    with acting(filled, "service_role") as connection:
        assert match(connection, 10, "uid-3") == []


def test_a_firebase_token_searches_through_the_data_api(filled: str, launcher: Launcher) -> None:
    port = free_port()
    launcher.make(
        "supabase", "--port", str(port), "--firebase-project", FIREBASE_PROJECT,
        SUPABASE_DSN=filled, SUPABASE_SERVICE_KEY="service", SUPABASE_ANON_KEY="anon",
    ).start()  # fmt: skip
    claims = {
        "iss": ISSUER,
        "aud": FIREBASE_PROJECT,
        "sub": "uid-9",
        "exp": time.time() + 600,
        "role": "authenticated",
    }
    answer = httpx.post(
        f"http://127.0.0.1:{port}/rest/v1/rpc/match_rag_chunks",
        json={"query_embedding": QUERY, "match_count": 5},
        headers={
            "apikey": "anon",
            "Authorization": f"Bearer {jwt.encode(claims, '', algorithm='none')}",
        },
        trust_env=False,
    )
    found = answer.raise_for_status().json()
    assert [row["chunk_text"] for row in found] == nearest(5)
