-- An entity's conflict keeps it from repair only while it waits for a person. One that is decided is
-- repaired like any other: else a contact that changes after the decision, which no event tells of,
-- would be a conflict for ever.
create or replace function sync.standing(
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
