-- Waiting and replaying: when a refused entity may be tried again, and which parked ones the
-- schedule may replay by itself: those that merely ran out of deliveries (`exhausted`). What was
-- parked because it can never work waits for a person or for its source to change.

alter table sync.ledger
  add column exhausted boolean not null default false,
  add column replays integer not null default 0,  -- since the last success
  add column replayed_at timestamptz,
  add column next_retry_at timestamptz;           -- not before: a Retry-After, or the next replay
create index ledger_replayable on sync.ledger (next_retry_at) where state = 'parked' and exhausted;

-- How long an exhausted entity rests before replay number p_replays + 1: from ten minutes, doubled
-- each time, at most a day, spread by a quarter so that an outage's victims do not return at once.
-- After eight replays it is null: then a person decides.
create function sync.replay_pause(p_replays integer) returns interval
language sql volatile set search_path = '' as $$
  select case when p_replays < 8
    then least(interval '10 minutes' * (2 ^ p_replays), interval '1 day') * (0.75 + random() * 0.5)
  end
$$;

-- As before, with two more fields of an outcome: retry_after (seconds) and exhausted.
create or replace function sync.record(p_step text, p_trace text, p_revision text, p_outcomes jsonb)
returns integer language sql set search_path = '' as $$
  with outcome as (
    select * from jsonb_to_recordset(p_outcomes)
      as o(kind text, key text, version bigint, state text, code text, conflicts jsonb,
           retry_after double precision, exhausted boolean)
  ), written as (
    insert into sync.ledger as l (kind, key, step, state, source_version, seen_version, attempts,
      error_code, trace_id, exhausted, next_retry_at)
    select kind, key, p_step, state,
           case when state in ('done', 'conflict', 'gone') then version else 0 end, version,
           case when state in ('retrying', 'parked') then 1 else 0 end, code, p_trace,
           state = 'parked' and coalesce(exhausted, false),
           case when state = 'retrying' and retry_after > 0
                then now() + make_interval(secs => least(retry_after, 3600))
                when state = 'parked' and exhausted then now() + sync.replay_pause(0) end
    from outcome order by kind, key
    on conflict (kind, key, step) do update set
      state = excluded.state,
      source_version = greatest(l.source_version, excluded.source_version),
      seen_version = greatest(l.seen_version, excluded.seen_version),
      attempts = case when excluded.attempts = 0 then 0 else l.attempts + 1 end,
      error_code = excluded.error_code,
      trace_id = excluded.trace_id,
      exhausted = excluded.exhausted,
      replays = case when excluded.attempts = 0 then 0 else l.replays end,
      next_retry_at = case when excluded.exhausted then now() + sync.replay_pause(l.replays)
                           else excluded.next_retry_at end,
      first_at = case when l.attempts = 0 then excluded.first_at else l.first_at end,
      updated_at = excluded.updated_at
      where excluded.seen_version = 0 or excluded.seen_version >= l.source_version
    returning l.kind, l.key
  ), current as (
    select o.* from outcome o join written w on w.kind = o.kind and w.key = o.key
  ), opened as (
    -- Several accounts may hold one value (its normal form); the row names the first of them.
    insert into sync.conflicts (kind, key, step, field, other)
    select distinct on (o.kind, o.key, c.field) o.kind, o.key, p_step, c.field, c.other
    from current o cross join lateral
      jsonb_to_recordset(coalesce(o.conflicts, '[]')) as c(field text, other text)
    order by o.kind, o.key, c.field, c.other
    on conflict (kind, key, step, field) where resolved_at is null
      do update set other = excluded.other
  ), cleared as (
    update sync.conflicts c set resolved_at = now(), resolution = 'cleared'
    from current o
    where c.kind = o.kind and c.key = o.key and c.step = p_step and c.resolved_at is null
      and o.state in ('done', 'conflict', 'gone')
      and not exists (select from jsonb_to_recordset(coalesce(o.conflicts, '[]')) as n(field text)
                      where n.field = c.field)
  ), journaled as (
    insert into sync.journal (kind, key, step, source_version, state, error_code, trace_id, revision)
    select kind, key, p_step, version, state, code, p_trace, p_revision from outcome
    returning 1
  )
  select count(*)::integer from journaled
$$;

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
