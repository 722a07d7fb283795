-- What reconciliation found. Ids and codes only.

create table sync.reconcile_runs (
  id bigint generated always as identity primary key,
  projection text not null,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  dry_run boolean not null,
  source_rows bigint,
  target_rows bigint,
  differing_buckets integer,
  rows_read bigint,                           -- rows fetched from differing buckets, both sides
  in_flight integer,                          -- differing, but under way: not drift
  found integer,
  repaired integer,
  complete boolean                            -- false: more differs than one run looks into
);

create table sync.findings (
  run bigint not null references sync.reconcile_runs(id) on delete cascade,
  projection text not null,
  kind text not null,
  key text not null,
  class text not null check (class in ('missing', 'stale', 'orphan', 'conflict')),
  code text,                                  -- why it was not repaired, or what is known of it
  repaired boolean not null default false,
  seen text not null,                         -- hashes of the two sides, to know the same drift again
  primary key (run, kind, key)
);
create index findings_entity on sync.findings (kind, key);

-- What the ledger knows of entities that differ. `moving`: a step is still at it, or was lately.
-- `tried` is what the last run saw of an entity that it repaired, when the steps have worked since: if
-- the same is seen again, another repair would change nothing. A conflict keeps an entity from repair
-- only while it waits for a person: a contact that changes after the decision, which no event tells
-- of, would else be a conflict for ever.
create function sync.standing(
  p_projection text, p_kind text, p_keys text[], p_steps text[], p_age_s double precision
) returns table (key text, moving boolean, state text, tried text)
language sql stable set search_path = '' as $$
  with last as (
    select r.id, r.finished_at from sync.reconcile_runs r
    where r.projection = p_projection and r.finished_at is not null and not r.dry_run
    order by r.id desc limit 1
  ), known as (
    select k.key, max(l.updated_at) as worked_at,
           coalesce(bool_or(l.state = 'retrying'), false) as retrying,
           case when bool_or(l.state = 'parked') then 'parked'
                when exists (
                  select from sync.conflicts c
                  where c.kind = p_kind and c.key = k.key and c.step = any (p_steps)
                    and c.resolved_at is null) then 'conflict' end as state
    from (select distinct unnest(p_keys) as key) k
    left join sync.ledger l on l.kind = p_kind and l.key = k.key and l.step = any (p_steps)
    group by k.key
  )
  select k.key,
         k.retrying or coalesce(k.worked_at > now() - make_interval(secs => p_age_s), false),
         k.state,
         (select f.seen from sync.findings f join last on last.id = f.run
          where f.kind = p_kind and f.key = k.key
            and (f.code = 'persists' or f.repaired and k.worked_at > last.finished_at))
  from known k
$$;

-- The deletions a kind's outbox remembers, by page: only they tell that something may go.
create function sync.deleted_page(p_kind text, p_after text, p_limit integer)
returns table (key text) language sql stable set search_path = '' as $$
  select o.key from sync.outbox o
  where o.kind = p_kind and o.deleted and (p_after is null or o.key > p_after)
  order by o.key limit p_limit
$$;
