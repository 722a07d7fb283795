"""What a token opens in Supabase: its patient's rows and files, and only a token that counts."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest

from infra.local.supabase.install import SUPABASE_ISSUER
from tests.databases import FIREBASE_PROJECT, Databases

UID, OTHER, SUPABASE_ID = "uid-of-asha", "uid-of-ravi", "5a1f0c6e-0d5b-4b52-9a4e-0f6f5f4c2b11"
FIREBASE = {"iss": f"https://securetoken.google.com/{FIREBASE_PROJECT}", "aud": FIREBASE_PROJECT}
STRANGE = {"iss": "https://securetoken.google.com/other", "aud": "other"}
OWN = {"iss": SUPABASE_ISSUER, "aud": "authenticated", "sub": SUPABASE_ID}
MAPPED = {"app_metadata": {"firebase_uid": UID}}

_FILL: LiteralString = """
insert into public.documents (id, patient_id, type) values
  (md5('a')::uuid, 'uid-of-asha', 'LAB'), (md5('r')::uuid, 'uid-of-ravi', 'LAB');
insert into public.documents (id, patient_id, origin, revoked_at)
values (md5('revoked')::uuid, 'uid-of-asha', 'core', now());
insert into public.rag_chunks (document_id, patient_id, chunk_text, embedding)
select id, patient_id, 'text', array_fill(1, array[1536])::extensions.vector from public.documents;
insert into storage.buckets (id, name) values ('public-pictures', 'public-pictures');
insert into storage.objects (bucket_id, name) values
  ('documents', 'uid-of-asha/scan.jpg'), ('documents', 'uid-of-asha/prescriptions/p.pdf'),
  ('documents', 'uid-of-ravi/scan.jpg'), ('documents', 'uid-of-asha-too/scan.jpg'),
  ('documents', 'scan.jpg'), ('public-pictures', 'uid-of-asha/logo.png');
"""
_SEEN: dict[str, LiteralString] = {
    "documents": "select patient_id || coalesce(' ' || type, ' revoked') from public.documents",
    "chunks": "select patient_id from public.rag_chunks",
    "files": "select bucket_id || '/' || name from storage.objects",
    "search": "select 1 from public.match_rag_chunks("
    "array_fill(1, array[1536])::extensions.vector, 10)",
}
EVERYTHING_OF_ASHA = {
    "documents": ["uid-of-asha LAB"],
    "chunks": ["uid-of-asha"],
    "files": ["documents/uid-of-asha/prescriptions/p.pdf", "documents/uid-of-asha/scan.jpg"],
    "search": [1],
}
NOTHING: dict[str, list[Any]] = {"documents": [], "chunks": [], "files": [], "search": []}
DENIED = pytest.raises(psycopg.errors.InsufficientPrivilege)
WRITES: tuple[LiteralString, ...] = (
    "insert into public.documents (patient_id) values ('uid-of-asha')",
    "update public.documents set type = 'PRESCRIPTION'",
    "delete from public.documents",
    "truncate public.documents cascade",
    "insert into public.rag_chunks select * from public.rag_chunks",
    "update public.rag_chunks set chunk_text = ''",
    "delete from public.rag_chunks",
)


@pytest.fixture(scope="module", name="filled")
def _filled(databases: Databases) -> Generator[str]:
    with databases.supabase() as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute(_FILL)
        yield dsn


@contextmanager
def acting(dsn: str, role: str, claims: dict[str, Any]) -> Generator[psycopg.Connection]:
    """Act as PostgREST does for one request; nothing is kept."""
    with psycopg.connect(dsn) as connection:
        connection.execute(f"set local role {role}".encode())
        given = json.dumps(claims | {"role": role})
        connection.execute("select set_config('request.jwt.claims', %s, true)", [given])
        yield connection
        connection.rollback()


def seen(connection: psycopg.Connection) -> dict[str, list[Any]]:
    return {
        name: sorted(row[0] for row in connection.execute(query)) for name, query in _SEEN.items()
    }


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param(FIREBASE | {"sub": UID}, EVERYTHING_OF_ASHA, id="her_firebase_token"),
        pytest.param(OWN | MAPPED, EVERYTHING_OF_ASHA, id="her_session_of_supabase"),
        pytest.param(
            OWN | MAPPED | {"aud": ["authenticated", "b"]}, EVERYTHING_OF_ASHA, id="aud_list"
        ),
        pytest.param(STRANGE | {"sub": UID}, NOTHING, id="another_projects_valid_token"),
        pytest.param(FIREBASE | {"sub": UID, "aud": "other"}, NOTHING, id="another_audience"),
        pytest.param(STRANGE | {"sub": UID, "aud": FIREBASE_PROJECT}, NOTHING, id="another_issuer"),
        pytest.param({"sub": UID}, NOTHING, id="no_issuer"),
        pytest.param(FIREBASE, NOTHING, id="no_subject"),
        pytest.param(FIREBASE | {"sub": SUPABASE_ID} | MAPPED, NOTHING, id="claims_of_the_other"),
        pytest.param(OWN | {"sub": UID}, NOTHING, id="a_session_whose_subject_is_her_uid"),
        pytest.param(OWN, NOTHING, id="a_session_that_is_mapped_to_nobody"),
        pytest.param(
            OWN | {"user_metadata": {"firebase_uid": UID}}, NOTHING, id="metadata_users_can_edit"
        ),
        pytest.param(OWN | MAPPED | {"iss": "https://x.supabase.co/auth/v1"}, NOTHING, id="ref"),
        pytest.param({}, NOTHING, id="no_claims"),
    ],
)
def test_a_token_sees_what_is_its_patients_and_nothing_else(
    filled: str, claims: dict[str, Any], expected: dict[str, list[Any]]
) -> None:
    with acting(filled, "authenticated", claims) as connection:
        assert seen(connection) == expected


@pytest.mark.parametrize("statement", WRITES)
def test_no_token_writes(filled: str, statement: LiteralString) -> None:
    for role in ("authenticated", "anon"):
        with acting(filled, role, FIREBASE | {"sub": UID}) as connection, DENIED:
            connection.execute(statement)


@pytest.mark.parametrize("statement", ["update storage.objects set name = 'x'",
                                       "delete from storage.objects"])  # fmt: skip
def test_no_token_changes_a_file(filled: str, statement: LiteralString) -> None:
    for role in ("authenticated", "anon"):
        with acting(filled, role, FIREBASE | {"sub": UID}) as connection:
            assert connection.execute(statement).rowcount == 0
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(
                    "insert into storage.objects (bucket_id, name)"
                    " values ('documents', 'uid-of-asha/new.jpg')"
                )


def test_without_the_role_of_a_patient_a_token_opens_nothing(filled: str) -> None:
    for query in (_SEEN["documents"], _SEEN["chunks"], _SEEN["search"]):
        with acting(filled, "anon", FIREBASE | {"sub": UID}) as connection, DENIED:
            connection.execute(query)
    with acting(filled, "anon", FIREBASE | {"sub": UID}) as connection:
        assert connection.execute(_SEEN["files"]).fetchall() == []


def test_before_a_deployment_says_whose_tokens_count_nobody_sees_anything(filled: str) -> None:
    with psycopg.connect(filled) as connection:
        connection.execute("delete from sync.trusted_issuers")
        given = json.dumps(FIREBASE | {"sub": UID, "role": "authenticated"})
        connection.execute("set local role authenticated")
        connection.execute("select set_config('request.jwt.claims', %s, true)", [given])
        assert seen(connection) == NOTHING
        connection.rollback()
