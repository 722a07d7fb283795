-- Whom an appointment or a prescription is shown to hangs on the sign-ins of its patient and doctor.
-- A patient whom the front desk had entered may sign up later: what was skipped then is announced
-- again when users.firebase_uid changes.

create function sync.capture_sign_in() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into sync.outbox as o (kind, key, version, traceparent)
  select moved.kind, moved.key, nextval('sync.version'), sync.traceparent()
  from (
    with person as (
      select c.id from changed c join before b on b.id = c.id
      where c.firebase_uid is distinct from b.firebase_uid
    ), meeting as (
      select a.id, a.patient_id from public.appointments a
      join public.patients p on p.id = a.patient_id join person u on u.id = p.user_id
      union
      select a.id, null from public.appointments a
      join public.doctors d on d.id = a.doctor_id join person u on u.id = d.user_id
    )
    select 'appointment' as kind, id as key from meeting
    union
    select 'prescription', p.id from public.prescriptions p
    join meeting m on m.id = p.appointment_id where m.patient_id is not null
    order by 1, 2
  ) moved
  on conflict (kind, key) do update set
    version = nextval('sync.version'),
    changed_at = excluded.changed_at,
    sent_at = null,
    lease_until = null,
    lease_token = null,
    attempts = 0,
    traceparent = excluded.traceparent;
  return null;
end $$;

create trigger sync_signed_in after update on public.users
  referencing old table as before new table as changed
  for each statement execute function sync.capture_sign_in();
