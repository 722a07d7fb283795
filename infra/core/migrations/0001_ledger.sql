-- The ledger: where each entity stands in each step, and the journal of everything that happened.
-- Holds ids, versions and codes, never content.

create schema sync;

-- One sequence gives every version: it cannot tie, and a later number was drawn later.
create sequence sync.version;

create table sync.ledger (
  kind text not null,
  key text not null,
  step text not null,
  state text not null check (state in ('done', 'retrying', 'parked', 'conflict', 'gone')),
  source_version bigint not null default 0,  -- newest version written to the step's target
  seen_version bigint not null default 0,    -- newest version the step was asked for
  attempts integer not null default 0,       -- failed attempts since the last success
  error_code text,
  trace_id text,
  first_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  exhausted boolean not null default false,  -- parked because it ran out of deliveries
  digest bigint,                             -- hash of what was written, where another side has it
  replays integer not null default 0,        -- since the last success
  replayed_at timestamptz,
  next_retry_at timestamptz,                 -- not before: a Retry-After, or the next replay
  primary key (kind, key, step)
);
create index ledger_unfinished on sync.ledger (state, updated_at)
  where state in ('retrying', 'parked', 'conflict');
create index ledger_replayable on sync.ledger (next_retry_at) where state = 'parked' and exhausted;

create table sync.journal (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  kind text not null,
  key text not null,
  step text not null,
  source_version bigint not null,
  state text not null,
  error_code text,
  trace_id text,
  revision text not null
);
create index journal_entity on sync.journal (kind, key, id);
create index journal_trace on sync.journal (trace_id);

-- Who forwards to whom: infra/migrate.py writes it from shared/catalog.json. The origin is the
-- function that forwards or announces; an announcement is of one kind, a step forwards any ('').
create table sync.edges (
  origin text not null,
  kind text not null default '',
  step text not null,
  since timestamptz not null default now(),
  primary key (origin, kind, step)
);

-- Entities that were announced or forwarded to a step which has not recorded them since. One that is
-- forwarded once more keeps its place in the queue. Kept by triggers: 0080_progress.sql.
create table sync.awaited (
  kind text not null,
  key text not null,
  step text not null,
  origin text not null,
  since timestamptz not null default now(),
  primary key (kind, key, step)
);
create index awaited_oldest on sync.awaited (step, since);

create table sync.conflicts (
  id bigint generated always as identity primary key,
  kind text not null,
  key text not null,
  step text not null,
  field text not null,
  other text not null,                       -- id of the account that holds the value
  opened_at timestamptz not null default now(),
  resolved_at timestamptz,
  resolution text
);
create unique index conflicts_open on sync.conflicts (kind, key, step, field)
  where resolved_at is null;

-- How long an exhausted entity rests before replay number p_replays + 1: from ten minutes, doubled
-- each time, at most a day, spread by a quarter so that an outage's victims do not return at once.
-- After eight replays it is null: then a person decides.
create function sync.replay_pause(p_replays integer) returns interval
language sql volatile set search_path = '' as $$
  select case when p_replays < 8
    then least(interval '10 minutes' * (2 ^ p_replays), interval '1 day') * (0.75 + random() * 0.5)
  end
$$;

-- Write a batch of outcomes: [{kind, key, version, state, code, conflicts: [{field, other}],
-- retry_after (seconds), exhausted, digest}].
-- An outcome older than what is already written changes nothing but the journal. Version 0 means
-- that the version is not known (the source could not be read, or has none): it is never older.
-- Its plan, and those of the triggers that it sets off, are kept by the backend that made them. All
-- are look-ups by key (`offset 0` keeps one from becoming a join): a plan that scans a table because
-- it was small would be kept while it grows.
create function sync.record(p_step text, p_trace text, p_revision text, p_outcomes jsonb)
returns integer language sql set search_path = '' set enable_seqscan = off as $$
  with outcome as (
    select * from jsonb_to_recordset(p_outcomes)
      as o(kind text, key text, version bigint, state text, code text, conflicts jsonb,
           retry_after double precision, exhausted boolean, digest bigint)
  ), written as (
    insert into sync.ledger as l (kind, key, step, state, source_version, seen_version, attempts,
      error_code, trace_id, digest, exhausted, next_retry_at)
    select kind, key, p_step, state,
           case when state in ('done', 'conflict', 'gone') then version else 0 end, version,
           case when state in ('retrying', 'parked') then 1 else 0 end, code, p_trace, digest,
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
      digest = coalesce(excluded.digest, l.digest),
      exhausted = excluded.exhausted,
      replays = case when excluded.attempts = 0 then 0 else l.replays end,
      next_retry_at = case when excluded.exhausted then now() + sync.replay_pause(l.replays)
                           else excluded.next_retry_at end,
      first_at = case when l.attempts = 0 then excluded.first_at else l.first_at end,
      -- now() is when a transaction began; who waited for the row may have begun before who had it.
      updated_at = greatest(l.updated_at, excluded.updated_at)
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
    update sync.conflicts set resolved_at = now(), resolution = 'cleared'
    where resolved_at is null and id = any (array(
      select c.id from current o cross join lateral (
        select c.id, c.field from sync.conflicts c
        where c.kind = o.kind and c.key = o.key and c.step = p_step and c.resolved_at is null
        offset 0
      ) c
      where o.state in ('done', 'conflict', 'gone')
        and not exists (select from jsonb_to_recordset(coalesce(o.conflicts, '[]')) as n(field text)
                        where n.field = c.field)))
  ), journaled as (
    insert into sync.journal (kind, key, step, source_version, state, error_code, trace_id, revision)
    select kind, key, p_step, version, state, code, p_trace, p_revision from outcome
    returning 1
  )
  select count(*)::integer from journaled
$$;
