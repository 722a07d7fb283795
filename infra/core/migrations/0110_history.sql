-- Forgetting: what the sync noted about entities long done with. Never what says how things stand.

create index ledger_gone on sync.ledger (updated_at) where state = 'gone';
create index notifications_settled on sync.notifications (settled_at) where state <> 'claimed';
create index told_nothing on sync.told (kind, key) where state = '';

-- Forget up to p_limit rows of each kind; answers how many of each, those with nothing left out.
-- Working notes go after p_days: no message lives as long, so nobody comes back to ask for them.
-- The journal and what persons ordered or decided are the audit trail and go after p_audit_days,
-- never before a year, whoever asks. Rows that somebody holds are left to the next run.
-- Kept for ever: what is unfinished, the standing of the living, `keep_other` decisions (they stop a
-- conflict from opening again), tombstones and certificates.
create function sync.purge_history(p_days integer, p_audit_days integer, p_limit integer)
returns table (what text, purged integer)
language plpgsql set search_path = '' as $$
declare
  old constant timestamptz := now() - make_interval(days => p_days);
  audited constant timestamptz := now() - make_interval(days => greatest(p_audit_days, 365));
begin
  -- Ids are given in the order of time, nearly: the oldest are found without an index on it.
  what := 'journal';
  with oldest as (
    select j.id, j.at from sync.journal j order by j.id limit p_limit
  )
  delete from sync.journal j using oldest o where j.id = o.id and o.at < audited;
  get diagnostics purged = row_count;
  return next;

  -- An entity that is gone, from all of its steps. A user is one of three sources, so that "gone" of
  -- one step (no doctor's profile) says nothing of the others.
  what := 'ledger';
  with entity as (
    select g.kind, g.key, g.step from sync.ledger g
    where g.state = 'gone' and g.updated_at < old and (g.kind = 'user' or not exists (
        select from sync.ledger l where l.kind = g.kind and l.key = g.key
          and (l.state not in ('done', 'gone') or l.updated_at >= old)
      ) and not exists (
        select from sync.outbox o where o.kind = g.kind and o.key = g.key and not o.deleted
      ))
    order by g.updated_at limit p_limit for update skip locked
  )
  delete from sync.ledger l using (
    select distinct e.kind, e.key, case when e.kind = 'user' then e.step end as step from entity e
  ) e where l.kind = e.kind and l.key = e.key and (e.step is null or l.step = e.step);
  get diagnostics purged = row_count;
  return next;

  -- What a patient was told stays in `told` as long as there is something to compare it with.
  what := 'notifications';
  with settled as (
    select n.ctid from sync.notifications n where n.state <> 'claimed' and n.settled_at < old
    order by n.settled_at limit p_limit for update skip locked
  )
  delete from sync.notifications n using settled s where n.ctid = s.ctid;
  get diagnostics purged = row_count;
  return next;

  what := 'told';
  with ended as (
    select t.ctid from sync.told t where t.state = ''
      and not exists (select from sync.outbox o where o.kind = t.kind and o.key = t.key)
      and not exists (select from sync.ledger l where l.kind = t.kind and l.key = t.key)
    limit p_limit for update skip locked
  )
  delete from sync.told t using ended e where t.ctid = e.ctid;
  get diagnostics purged = row_count;
  return next;

  what := 'conflicts';
  with closed as (
    select c.id from sync.conflicts c
    where c.resolved_at < case when c.resolution = 'cleared' then old else audited end
      and c.resolution is distinct from 'keep_other'
    order by c.id limit p_limit for update skip locked
  )
  delete from sync.conflicts c using closed x where c.id = x.id;
  get diagnostics purged = row_count;
  return next;

  -- With their findings. The last run of each comparison tells what is known of drift, dry or not.
  what := 'reconcile_runs';
  with past as (
    select r.id from sync.reconcile_runs r
    where r.started_at < old
      and exists (select from sync.reconcile_runs n where n.projection = r.projection and n.id > r.id
                  and n.finished_at is not null and not n.dry_run)
    order by r.id limit p_limit for update skip locked
  )
  delete from sync.reconcile_runs r using past p where r.id = p.id;
  get diagnostics purged = row_count;
  return next;

  what := 'resyncs';
  delete from sync.resyncs r where r.state = 'done' and r.updated_at < old;
  get diagnostics purged = row_count;
  return next;

  what := 'orphan_removals';
  delete from sync.orphan_removals r where r.at < audited;
  get diagnostics purged = row_count;
  return next;
end $$;
