-- Projections against Firestore; their other side is shared/repair/projected_documents.py.

-- Core appointments against the copies that doctor and patient see: a row for each copy, by its path.
-- The doctor's has the sign-in that may read it, which lies in the document above it. What the policy
-- keeps of an erased patient is shown to nobody.
create function sync.projection_appointments()
returns table (at tid, entity text, key text, canonical text) language sql stable as $$
select a.ctid as at, a.id as entity, copy.path as key,
       concat_ws(E'\x1f', copy.path, a.doctor_id, a.patient_id, sync.given(a.clinic_id),
         to_char(a.start_ts, 'YYYY-MM-DD HH24:MI:SS.MS'),
         to_char(a.end_ts, 'YYYY-MM-DD HH24:MI:SS.MS'), a.status, a.visit_type,
         sync.given(a.address), sync.given(to_char(a.checked_in_at, 'YYYY-MM-DD HH24:MI:SS.MS')),
         to_char(a.created_at, 'YYYY-MM-DD HH24:MI:SS.MS'), sync.given(copy.reader)) as canonical
from public.appointments a
join public.doctors d on d.id = a.doctor_id
join public.users s on s.id = d.user_id
join public.patients t on t.id = a.patient_id
join public.users u on u.id = t.user_id
cross join lateral (
  select 'doctors/' || a.doctor_id || '/appointments/' || a.id as path, s.firebase_uid as reader
  union all
  select 'users/' || u.firebase_uid || '/appointments/' || a.id, null
  where u.firebase_uid is not null
) copy
where not exists (
  select from sync.erasures e where e.patient_id = a.patient_id and e.state <> 'held')
$$;

-- Core patients against their profiles: of a patient's columns those that are the profile's own, for
-- the others may hold what the backend has filled in. Who is no patient has a profile that core
-- passes over; was it deleted then, it has gone here too once core holds nothing of it any more.
create function sync.projection_profiles()
returns table (at tid, entity text, key text, canonical text) language sql stable as $$
select r.ctid as at, r.uid as entity, r.uid as key,
       concat_ws(E'\x1f', r.uid,
         sync.given(case when 'name' = any (r.held) then p.name end),
         sync.given(case when 'dob' = any (r.held) then to_char(p.dob, 'YYYY-MM-DD') end),
         sync.given(case when 'gender' = any (r.held) then p.gender::text end),
         sync.given(case when 'allergies' = any (r.held) then p.allergies end),
         sync.given(case when 'chronic_conditions' = any (r.held) then p.chronic_conditions end),
         sync.given(case when 'emergency_contact' = any (r.held) then p.emergency_contact end),
         sync.given(case when 'language' = any (r.held) then u.language end),
         sync.given(case r.consent_data_use when true then 't' when false then 'f' end),
         sync.given(case r.consent_notifications when true then 't' when false then 'f' end),
         array_to_string(array_remove(array_remove(r.review_reasons, 'phone_differs'),
           'email_differs'), ',')) as canonical
from sync.profile_readings r
join public.users u on u.firebase_uid = r.uid and u.role::text = 'PATIENT'
left join public.patients p on p.user_id = u.id
where 'profile_deleted' <> all (r.review_reasons) or r.held <> '{}'
$$;

-- Core doctors against their profiles: the name. Specialties and licence may be core's own.
create function sync.projection_doctors()
returns table (at tid, entity text, key text, canonical text) language sql stable as $$
select d.ctid as at, u.firebase_uid as entity, u.firebase_uid as key,
       concat_ws(E'\x1f', u.firebase_uid, sync.given(d.first_name), sync.given(d.last_name))
         as canonical
from public.doctors d
join public.users u on u.id = d.user_id
join sync.ledger l on l.key = u.firebase_uid
  and l.kind = 'user' and l.step = 'store_doctor' and l.state = 'done'
$$;
