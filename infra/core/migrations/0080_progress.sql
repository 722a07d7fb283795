-- How much there is and what is under way, kept as it changes, so that telling the status of a
-- million ledger rows costs what it costs for a thousand. Nothing here makes a step wait for a
-- reader: counts are rows that are only added, and folding them passes over what others hold.

-- Changes of counts; a count is the sum of `n`. `handled` counts outcomes, for throughput.
create table sync.tallies (
  step text not null,                         -- a step, or the table that is counted
  state text not null,                        -- a state of the ledger, 'awaited', or 'rows'
  code text,
  at timestamptz not null default now(),
  n bigint not null,
  handled bigint not null default 0
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Add up what can be had without waiting: one row per minute for an hour, then one for all before.
-- A reader sees the rows before or after, never in between.
create function sync.fold_tallies() returns void
language plpgsql security definer set search_path = '' as $$
begin
  if not pg_try_advisory_xact_lock(hashtextextended('sync.tallies', 0)) then
    return;
  end if;
  with gone as (
    delete from sync.tallies returning *
  )
  insert into sync.tallies (step, state, code, at, n, handled)
  select step, state, code, max(at), sum(n), sum(handled) from gone
  group by step, state, code,
           case when at > now() - interval '1 hour' then date_trunc('minute', at) end
  having sum(n) <> 0 or sum(handled) <> 0;
end $$;

-- Count all anew, for a ledger that was restored or copied with its triggers off. One statement, so
-- one snapshot: what others change meanwhile is neither lost nor counted twice.
create function sync.recount() returns void
language plpgsql security definer set search_path = '' as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('sync.tallies', 0));
  with dropped as (delete from sync.tallies)
  insert into sync.tallies (step, state, code, at, n)
  select step, state, error_code, max(updated_at), count(*) from sync.ledger group by 1, 2, 3
  union all
  select step, 'awaited', null, now(), count(*) from sync.awaited group by 1
  union all
  select 'users', 'rows', null, now(), count(*) from public.users;
end $$;

create function sync.tally_ledger() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'INSERT' then
    insert into sync.tallies (step, state, code, n, handled)
    select step, state, error_code, count(*), count(*) from changed group by 1, 2, 3;
  elsif tg_op = 'UPDATE' then
    insert into sync.tallies (step, state, code, n, handled)
    select step, state, error_code, sum(n), sum(handled) from (
      select step, state, error_code, 1 as n, (updated_at = now())::integer as handled from changed
      union all
      select step, state, error_code, -1, 0 from before
    ) moved group by 1, 2, 3 having sum(n) <> 0 or sum(handled) <> 0;
  else
    insert into sync.tallies (step, state, code, n)
    select step, state, error_code, -count(*) from before group by 1, 2, 3;
    delete from sync.awaited a using before b
    where a.kind = b.kind and a.key = b.key and b.step in (a.step, a.origin);
  end if;
  if random() < 0.005 then
    perform sync.fold_tallies();
  end if;
  return null;
end $$;
create trigger tally_inserted after insert on sync.ledger
  referencing new table as changed for each statement execute function sync.tally_ledger();
create trigger tally_updated after update on sync.ledger
  referencing old table as before new table as changed
  for each statement execute function sync.tally_ledger();
create trigger tally_deleted after delete on sync.ledger
  referencing old table as before for each statement execute function sync.tally_ledger();

create function sync.tally_awaited() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into sync.tallies (step, state, n)
  select step, 'awaited', case tg_op when 'INSERT' then count(*) else -count(*) end
  from changed group by 1;
  return null;
end $$;
create trigger tally_inserted after insert on sync.awaited
  referencing new table as changed for each statement execute function sync.tally_awaited();
create trigger tally_deleted after delete on sync.awaited
  referencing old table as changed for each statement execute function sync.tally_awaited();

-- Whoever forwards makes its successors awaited; whoever records is no longer awaited, whatever came
-- of it. A row that another transaction holds is passed over: it is being awaited anew, or freed.
-- What a relay parks it has not announced.
--
-- The table is nearly empty in quiet times and large in a bulk, and a backend keeps the plan that it
-- made in either: rows are looked up by key and removed by place, never found by a scan.
create function sync.follow() returns trigger
language plpgsql security definer set search_path = '' set enable_seqscan = off as $$
begin
  delete from sync.awaited where ctid = any (array(
    select a.ctid
    from (select distinct kind, key, step from written where state <> 'replayed') w
    cross join lateral (
      select a.ctid from sync.awaited a
      where a.kind = w.kind and a.key = w.key and a.step = w.step offset 0
      for update skip locked
    ) a));
  delete from sync.awaited where ctid = any (array(
    select a.ctid from (select distinct kind, key, step from written where state = 'parked') w
    cross join lateral (
      select a.ctid from sync.awaited a
      where a.kind = w.kind and a.key = w.key and a.origin = w.step offset 0
    ) a
    where exists (select from sync.edges e where e.origin = w.step and e.kind <> '')));
  insert into sync.awaited (kind, key, step, origin)
  select distinct w.kind, w.key, e.step, w.step
  from written w join sync.edges e on e.origin = w.step and e.kind in ('', w.kind)
  where w.state in ('done', 'conflict', 'announced')
  order by 1, 2, 3
  on conflict do nothing;
  return null;
end $$;
create trigger follow after insert on sync.journal
  referencing new table as written for each statement execute function sync.follow();

-- Note that somebody who calls us announced these entities: [{kind, key}].
create function sync.note_announced(p_step text, p_trace text, p_revision text, p_refs jsonb)
returns void language sql set search_path = '' as $$
  insert into sync.journal (kind, key, step, source_version, state, trace_id, revision)
  select kind, key, p_step, 0, 'announced', p_trace, p_revision
  from jsonb_to_recordset(p_refs) as r(kind text, key text)
$$;

-- How many users the backend has.
create function sync.tally_users() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into sync.tallies (step, state, n)
  select 'users', 'rows', case tg_op when 'INSERT' then count(*) else -count(*) end
  from changed having count(*) > 0;
  return null;
end $$;
create trigger sync_counted_inserted after insert on public.users
  referencing new table as changed for each statement execute function sync.tally_users();
create trigger sync_counted_deleted after delete on public.users
  referencing old table as changed for each statement execute function sync.tally_users();

-- Whoever truncates holds the table alone, so nothing is being counted meanwhile.
create function sync.tally_truncated() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into sync.tallies (step, state, code, n)
  select t.step, t.state, t.code, -sum(t.n) from sync.tallies t
  where case tg_argv[0]
    when 'users' then t.step = 'users' and t.state = 'rows'
    when 'awaited' then t.state = 'awaited'
    else t.state not in ('rows', 'awaited') end
  group by 1, 2, 3;
  return null;
end $$;
create trigger tally_truncated after truncate on sync.ledger
  for each statement execute function sync.tally_truncated('ledger');
create trigger tally_truncated after truncate on sync.awaited
  for each statement execute function sync.tally_truncated('awaited');
create trigger sync_counted_truncated after truncate on public.users
  for each statement execute function sync.tally_truncated('users');

select sync.recount();

-- The oldest of what a step refused, and the last run of each comparison, without a scan.
create index ledger_retrying on sync.ledger (step, first_at) where state = 'retrying';
create index ledger_exhausted on sync.ledger (step, first_at) where state = 'parked' and exhausted;
create index reconcile_runs_last on sync.reconcile_runs (projection, id);
