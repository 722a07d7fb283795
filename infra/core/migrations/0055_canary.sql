-- The canary: a synthetic patient whose entities are changed on a schedule, to see every chain move.

-- Who is no patient of flesh and blood: left out wherever people are counted or told something.
create function sync.is_canary(p_uid text) returns boolean language sql immutable parallel safe as $$
  select coalesce(pg_catalog.starts_with(p_uid, 'canary-'), false)
$$;

create table sync.canary (
  kind text primary key,                      -- a way it travels: profile, or the entity's kind
  key text not null,
  touched_at timestamptz not null,
  checked_at timestamptz,
  stalled_step text,                          -- the first step that did not do the last touch
  stalled_since timestamptz
);

-- Change the canary's appointment and prescription as the backend does: the triggers announce it, so
-- the mark of the sync's own writes is taken off for this transaction. Its doctor is never verified,
-- hence never listed. Nothing happens until the users chain has brought the patient.
create function sync.touch_canary(p_uid text, p_run text) returns table (kind text, key text)
language plpgsql set search_path = '' as $$
declare
  patient text;
begin
  perform set_config('sync.origin', '', true);
  select p.id into patient from public.patients p join public.users u on u.id = p.user_id
  where u.firebase_uid = p_uid;
  if patient is null then
    return;
  end if;
  insert into public.users (id, role) values (p_uid || '-doctor', 'DOCTOR') on conflict do nothing;
  insert into public.doctors (id, user_id, first_name, last_name)
  values (p_uid || '-doctor', p_uid || '-doctor', 'Synthetic', 'Canary') on conflict do nothing;
  insert into public.appointments (id, doctor_id, patient_id, start_ts, end_ts, status)
  values (p_uid || '-visit', p_uid || '-doctor', patient, now() - interval '2 days',
          now() - interval '1 day', 'COMPLETED')
  on conflict (id) do update set start_ts = excluded.start_ts, end_ts = excluded.end_ts;
  insert into public.prescriptions as r (id, appointment_id, summary_json)
  values (p_uid || '-prescription', p_uid || '-visit', jsonb_build_object('notes', p_run))
  on conflict (id) do update set summary_json = excluded.summary_json;
  -- The transaction's time: before anything that its changes set off.
  return query
    insert into sync.canary as c (kind, key, touched_at)
    select e.kind, e.key, now()
    from (values ('appointment', p_uid || '-visit'), ('prescription', p_uid || '-prescription'))
      e(kind, key)
    where exists (select from sync.watched w where w.kind = e.kind)
    on conflict on constraint canary_pkey do update
      set key = excluded.key, touched_at = excluded.touched_at
    returning c.kind, c.key;
end $$;
