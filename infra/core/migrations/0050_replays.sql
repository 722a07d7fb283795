-- Replaying: what was parked is put before its step again. By itself the schedule takes only what
-- merely ran out of deliveries (`exhausted`); what was parked because it can never work waits for a
-- person or for its source to change.

-- The entities of one patient, as core knows them. A kind keyed by the uid itself needs no line.
create function sync.patient_entities(p_uid text) returns table (kind text, key text)
language sql stable set search_path = '' as $$
  with patient as (
    select p.id from public.patients p join public.users u on u.id = p.user_id
    where u.firebase_uid = p_uid
  ), visit as (
    select a.id from public.appointments a join patient p on p.id = a.patient_id
  )
  select 'user', p_uid
  union all select 'profile', p_uid
  union all select 'appointment', id from visit
  union all select 'prescription', p.id from public.prescriptions p
            join visit v on v.id = p.appointment_id
  union all select 'document', d.id from public.documents d join patient p on p.id = d.patient_id
$$;

-- Take up to p_limit parked entities for a replay, and note it in the journal. The next pause is
-- set before anything is published: a crash in between costs one replay, it never repeats for ever.
-- p_filter: {step, code, kind, older_s, keys: [{kind, key}], due}; an absent field is no condition,
-- `due` asks for those whose time has come by themselves.
create function sync.claim_replays(
  p_steps text[], p_filter jsonb, p_before timestamptz, p_limit integer,
  p_trace text, p_revision text
) returns table (step text, kind text, key text, version bigint)
language sql set search_path = '' as $$
  with wanted as (
    select l.kind, l.key, l.step from sync.ledger l
    where l.state = 'parked' and l.kind <> 'message' and l.step = any (p_steps)
      and (l.replayed_at is null or l.replayed_at < p_before)
      and (not coalesce((p_filter ->> 'due')::boolean, false)
           or l.exhausted and l.next_retry_at <= now())
      and (p_filter ->> 'step' is null or l.step = p_filter ->> 'step')
      and (p_filter ->> 'code' is null or l.error_code = p_filter ->> 'code')
      and (p_filter ->> 'kind' is null or l.kind = p_filter ->> 'kind')
      and (p_filter ->> 'older_s' is null
           or l.updated_at <= now() - make_interval(secs => (p_filter ->> 'older_s')::float8))
      and (p_filter -> 'keys' is null or exists (
             select from jsonb_to_recordset(p_filter -> 'keys') as k(kind text, key text)
             where k.kind = l.kind and k.key = l.key))
    order by l.updated_at limit p_limit for update skip locked
  ), claimed as (
    update sync.ledger l
    set replays = l.replays + 1, replayed_at = clock_timestamp(),
        next_retry_at = case when l.exhausted then now() + sync.replay_pause(l.replays + 1) end
    from wanted w where l.kind = w.kind and l.key = w.key and l.step = w.step
    returning l.step, l.kind, l.key, l.seen_version
  ), journaled as (
    insert into sync.journal (kind, key, step, source_version, state, trace_id, revision)
    select c.kind, c.key, c.step, c.seen_version, 'replayed', p_trace, p_revision from claimed c
  )
  select c.step, c.kind, c.key, c.seen_version from claimed c
$$;
