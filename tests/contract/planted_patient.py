"""A patient whose every column is marked, on real databases, and where a mark is found."""

from __future__ import annotations

from typing import Any

import psycopg
import psycopg.sql

from shared.events import Event, Ref, new_traceparent
from tests.contract.real_stores import RealStores, Sql

UID, MARK = "uid-of-asha", "plantedmarker"
NAME, EMAIL, PHONE = f"Asha {MARK}", f"{MARK}@example.com", "+919876543210"
DOCUMENT = "7c8f4f4e-8c1b-4f4e-9d3c-1d2b3c4d5e6f"
URL = "https://prescriptions.s3.ap-south-1.amazonaws.com/rx1.pdf"
MARKS = (UID, MARK, "9876543210")

_TEXTS = """
select n.nspname as schema, c.relname as name from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_toast'
"""


def found(sql: Sql) -> set[str]:
    """Return the tables of a database in which a planted marker is found, in any column."""
    tables = sql.execute(_TEXTS).fetchall()
    hits: set[str] = set()
    for table in tables:
        name = psycopg.sql.Identifier(table["schema"], table["name"])
        query = psycopg.sql.SQL(
            "select count(*) as n from {} t where to_jsonb(t)::text ~ {}"
        ).format(name, "|".join(MARKS))
        if sql.execute(query).fetchone()["n"]:  # pyright: ignore[reportOptionalSubscript]
            hits.add(f"{table['schema']}.{table['name']}")
    return hits


def everywhere(to: RealStores) -> set[str]:
    places = {f"firebase {path}" for path in to.firebase.documents if UID in path}
    places |= {f"account {uid}" for uid in to.firebase.account_rows if uid == UID}
    places |= {f"file {path}" for path in to.storage.below(f"documents/{UID}/")}
    return found(to.core_sql) | found(to.supabase_sql) | places


def send(to: RealStores, topic: str, kind: str, key: str) -> None:
    to.publish([Event(topic, (Ref(kind, key),), new_traceparent())])
    to.run()


def plant(to: RealStores) -> None:
    """A patient who went through every chain, with a marker in every store."""
    to.firebase.sign_up(UID, email=EMAIL, phone=PHONE)
    to.firebase.write_profile(UID, name=NAME, address={"city": MARK}, fcmToken=MARK)
    send(to, "user-changed", "user", UID)
    send(to, "profile-changed", "user", UID)
    to.pdf_sources.pdfs[URL] = b"%PDF"  # pyright: ignore[reportAttributeAccessIssue]
    notes = f"{NAME} (call {PHONE}) has fever, BP 120/80"
    to.prescribe("rx1", UID, notes=notes, diagnosis="fever", patient_name=NAME)
    to.core_sql.execute(
        "update appointments set address = %(mark)s, status = 'CONFIRMED'", {"mark": MARK}
    )
    to.core_sql.execute("update prescriptions set pdf_url = %(url)s", {"url": URL})
    to.upload(DOCUMENT, UID, {"medications": [{"name": MARK, "frequency": "BD"}]}, "report")
    to.supabase_sql.execute("update documents set text = %(mark)s", {"mark": MARK})
    to.run()


def age(to: RealStores, years: int) -> None:
    """Let the visit lie in the past."""
    to.at_core(
        "update appointments set start_ts = now() - make_interval(years => %(years)s)",
        years=years,
    )


def quiet(to: RealStores) -> None:
    """Let every step end that ran when something of the patient's was buried."""
    to.core_sql.execute(
        "update sync.erasures set ordered_at = ordered_at - interval '1 minute',"
        " buried_at = buried_at - interval '1 minute'"
    )


def erase(to: RealStores) -> None:
    to.firebase.delete(UID)
    send(to, "user-deleted", "user", UID)
    quiet(to)
    to.run()


def row(to: RealStores) -> dict[str, Any]:
    (erasure,) = to.core_sql.execute("select * from sync.erasures").fetchall()
    return erasure
