"""
The demo's appointments: booked, rescheduled, cancelled, completed by the backend, in phases.

Between two phases the chains fall quiet: changes that follow each other faster than the sync looks
are one change to it, and the patient is told of the last state only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import psycopg

Told = tuple[str, str, str]  # uid, type of the note, key of what it is about

BOOK = """
insert into appointments
  (id, doctor_id, patient_id, start_ts, end_ts, status, visit_type, address)
select %(id)s, %(doctor)s, p.id, at, at + interval '15 minutes', 'CONFIRMED',
       %(visit_type)s::"VisitType", case when %(visit_type)s = 'HOUSE' then 'a made-up address' end
from patients p join users u on u.id = p.user_id,
     (select date_trunc('hour', now() at time zone 'utc') + interval '3 days' as at) soon
where u.firebase_uid = %(uid)s
"""
RESCHEDULE = """
update appointments set start_ts = start_ts + interval '1 day', end_ts = end_ts + interval '1 day',
  status = 'RESCHEDULED' where id = %(id)s
"""
_MOVE = """
update appointments set doctor_id = %(doctor)s where id = %(id)s
"""
CANCEL = "update appointments set status = 'CANCELLED' where id = %(id)s"
_CHECK_IN = """
update appointments set status = 'STARTED', checked_in_at = now() at time zone 'utc'
where id = %(id)s
"""
_COMPLETE = "update appointments set status = 'COMPLETED' where id = %(id)s"
_DELETE = "delete from appointments where id = %(id)s"


def make_visits(
    stack: Mapping[str, Any], uids: Sequence[str], doctors: Sequence[str], settle: Callable[[], Any]
) -> list[Told]:
    """Act as the backend for every patient; return what the patients are to be told of it."""
    told: list[Told] = []
    visits = [(uid, f"visit-{number}") for number, uid in enumerate(uids)]
    with psycopg.connect(stack["core_dsn"], autocommit=True) as backend:
        for number, (uid, visit) in enumerate(visits):
            doctor = doctors[number % len(doctors)]
            kind = ("CLINIC", "TELE", "HOUSE")[number % 3]
            backend.execute(BOOK, {"id": visit, "uid": uid, "doctor": doctor, "visit_type": kind})
            told.append((uid, "appointment_booked", visit))
        settle()
        # The push service takes these but its answers are lost: nothing may be seen twice.
        fault = {"status": 503, "when": "after", "count": 3, "path": "/v1/"}
        httpx.post(f"{stack['fcm_url']}/__fault", json=fault).raise_for_status()
        for number, (uid, visit) in enumerate(visits):
            if number % 4 == 0:
                backend.execute(RESCHEDULE, {"id": visit})
                told.append((uid, "appointment_rescheduled", visit))
            elif number % 4 == 1:
                backend.execute(
                    _MOVE, {"id": visit, "doctor": doctors[(number + 1) % len(doctors)]}
                )
                told.append((uid, "appointment_rescheduled", visit))
        settle()
        for number, (uid, visit) in enumerate(visits):
            if number % 3 == 0:
                backend.execute(CANCEL, {"id": visit})
                told.append((uid, "appointment_cancelled", visit))
            else:
                backend.execute(_CHECK_IN, {"id": visit})
                backend.execute(_COMPLETE if number % 3 == 1 else _CHECK_IN, {"id": visit})
        if len(visits) > 5:
            backend.execute(_DELETE, {"id": visits[5][1]})
        settle()
    return told
