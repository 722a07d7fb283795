-- What a step refused, or was sent and never answered for, although by now it would have come again:
-- its message is lost. Pub/Sub loses none that it keeps; but it forgets what is older than its
-- retention, and all that a subscription holds that is deleted.

alter table sync.awaited add column replayed_at timestamptz;

-- Take up to p_limit such entities, those that wait longest first, to be delivered once more to the
-- step. The try is noted before anything is published: a crash in between costs one try, it never
-- repeats for ever. The place in the queue stays: how long something waits is told by `since`.
create function sync.claim_overdue(
  p_steps text[], p_overdue_s double precision, p_limit integer, p_trace text, p_revision text
) returns table (step text, kind text, key text, version bigint)
language sql set search_path = '' as $$
  with refused as (
    select l.kind, l.key, l.step, l.updated_at as since from sync.ledger l
    where l.state = 'retrying' and l.step = any (p_steps)
      and greatest(l.updated_at, l.next_retry_at, l.replayed_at)
          < now() - make_interval(secs => p_overdue_s)
    order by l.updated_at limit p_limit for update skip locked
  ), overdue as (
    select a.kind, a.key, a.step, a.since, exists (
             select from sync.tombstones t where t.alias in
               (sync.alias(a.kind, a.key), case when a.kind <> 'erasure' then a.key end)) as buried
    from sync.awaited a
    where a.step = any (p_steps)
      and greatest(a.since, a.replayed_at) < now() - make_interval(secs => p_overdue_s)
    order by a.since limit p_limit for update skip locked
  ), passed_over as (
    -- An erased patient's: the step answered under the alias, or is awaited under it in vain. An
    -- erasure's own key is an alias, too.
    delete from sync.awaited a using overdue o
    where o.buried and a.kind = o.kind and a.key = o.key and a.step = o.step
  ), due as (
    select * from (
      select true as refused, r.kind, r.key, r.step, r.since from refused r
      union all
      select false, o.kind, o.key, o.step, o.since from overdue o where not o.buried
    ) waiting order by since limit p_limit
  ), refused_again as (
    update sync.ledger l set replayed_at = clock_timestamp() from due d
    where d.refused and l.kind = d.kind and l.key = d.key and l.step = d.step
    returning l.step, l.kind, l.key, l.seen_version
  ), sent_again as (
    update sync.awaited a set replayed_at = clock_timestamp() from due d
    where not d.refused and a.kind = d.kind and a.key = d.key and a.step = d.step
    returning a.step, a.kind, a.key
  ), found as (
    select r.step, r.kind, r.key, r.seen_version as version from refused_again r
    union
    select s.step, s.kind, s.key, coalesce(l.seen_version, 0) from sent_again s
    left join sync.ledger l on l.kind = s.kind and l.key = s.key and l.step = s.step
  ), journaled as (
    insert into sync.journal (kind, key, step, source_version, state, trace_id, revision)
    select f.kind, f.key, f.step, f.version, 'replayed', p_trace, p_revision from found f
  )
  select f.step, f.kind, f.key, f.version from found f
$$;
