-- The outbox: which of the backend's entities changed and have not been announced yet.
-- One row per entity, written in the changing transaction by a statement-level trigger. A second
-- change before the first is announced moves the same row on, so a burst of edits is one event;
-- the row stays afterwards as the entity's current version.

create table sync.outbox (
  kind text not null,
  key text not null,
  version bigint not null,
  deleted boolean not null default false,
  changed_at timestamptz not null default now(),
  sent_at timestamptz,
  lease_until timestamptz,
  lease_token uuid,
  attempts integer not null default 0,
  traceparent text,
  primary key (kind, key)
);
create index outbox_unsent on sync.outbox (changed_at) where sent_at is null;

-- The trace the writing transaction belongs to, in the W3C form, for those that say so:
-- set_config('sync.traceparent', '00-...', true), as the sync itself does. Announcing goes on with it.
create function sync.traceparent() returns text
language sql stable set search_path = '' as $$
  select substring(current_setting('sync.traceparent', true)
                   from '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
$$;

-- Note the changed rows. Arguments: kind, key column. What the sync itself wrote (it sets
-- sync.origin for its transactions) moves the version but announces nothing: no echo.
--
-- A known entity's version is drawn anew under the row's lock, here and wherever else it is moved: one
-- that was drawn before may have waited while another drew and wrote a later one.
create function sync.capture() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  ours constant boolean := coalesce(current_setting('sync.origin', true), '') = 'sync';
  cause constant text := sync.traceparent();
begin
  insert into sync.outbox as o (kind, key, version, deleted, sent_at, traceparent)
  select tg_argv[0], changed.key, nextval('sync.version'), tg_op = 'DELETE',
         case when ours then now() end, cause
  from (
    select distinct row ->> tg_argv[1] as key from (
      select to_jsonb(c) as row from changed c
    ) r order by 1
  ) changed
  where changed.key is not null
  on conflict (kind, key) do update set
    version = nextval('sync.version'),
    deleted = excluded.deleted,
    changed_at = case when ours then o.changed_at else excluded.changed_at end,
    sent_at = case when ours then o.sent_at end,
    lease_until = null,
    lease_token = null,
    attempts = 0,
    traceparent = case when ours then o.traceparent else excluded.traceparent end;
  return null;
end $$;

-- The same for updates: rows that a statement rewrote without changing are passed over.
create function sync.capture_update() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  ours constant boolean := coalesce(current_setting('sync.origin', true), '') = 'sync';
  cause constant text := sync.traceparent();
begin
  insert into sync.outbox as o (kind, key, version, sent_at, traceparent)
  select tg_argv[0], changed.key, nextval('sync.version'), case when ours then now() end,
         cause
  from (
    select distinct row ->> tg_argv[1] as key from (
      select to_jsonb(c) as row from changed c except select to_jsonb(b) from before b
    ) r order by 1
  ) changed
  where changed.key is not null
  on conflict (kind, key) do update set
    version = nextval('sync.version'),
    deleted = false,
    changed_at = case when ours then o.changed_at else excluded.changed_at end,
    sent_at = case when ours then o.sent_at end,
    lease_until = null,
    lease_token = null,
    attempts = 0,
    traceparent = case when ours then o.traceparent else excluded.traceparent end;
  return null;
end $$;

-- Lease up to p_limit unsent rows for p_lease_s seconds under the caller's token. They are awaited
-- by their first steps from now on, not from their announcement: that may be heard before it returns.
-- Neither this nor settling waits for the disk: what a crash of the database takes back is announced
-- once more. Rows are looked up by key and changed by place: a plan that joins may have been made
-- when the outbox was small, and scans all of it for as long as it is kept.
create function sync.claim_outbox(p_token uuid, p_limit integer, p_lease_s integer)
returns table (kind text, key text, version bigint, traceparent text)
language sql set search_path = '' set enable_seqscan = off as $$
  select set_config('synchronous_commit', 'off', true);
  with due as (
    select o.ctid as place from sync.outbox o
    where o.sent_at is null and (o.lease_until is null or o.lease_until < now())
    order by o.changed_at limit p_limit for update skip locked
  ), claimed as (
    update sync.outbox o
    set lease_until = now() + make_interval(secs => p_lease_s), lease_token = p_token,
        attempts = o.attempts + 1
    where o.ctid = any (array(select place from due))
    returning o.kind, o.key, o.version, o.traceparent
  ), awaited as (
    insert into sync.awaited (kind, key, step, origin)
    select c.kind, c.key, e.step, e.origin
    from claimed c join sync.edges e on e.origin = 'relay_core_outbox' and e.kind = c.kind
    order by 1, 2, 3
    on conflict do nothing
  )
  select c.kind, c.key, c.version, c.traceparent from claimed c
$$;

-- Mark as sent what the token still holds at the version that was announced. A row that changed
-- meanwhile keeps waiting: its newer version has not been announced.
create function sync.settle_outbox(p_token uuid, p_sent jsonb)
returns integer language sql set search_path = '' set enable_seqscan = off as $$
  select set_config('synchronous_commit', 'off', true);
  with settled as (
    update sync.outbox o
    set sent_at = now(), lease_until = null, lease_token = null, attempts = 0
    where o.lease_token = p_token and o.ctid = any (array(
      select l.place from jsonb_to_recordset(p_sent) as s(kind text, key text, version bigint)
      cross join lateral (
        select h.ctid as place from sync.outbox h
        where h.kind = s.kind and h.key = s.key and h.version = s.version offset 0
      ) l))
    returning 1
  )
  select count(*)::integer from settled
$$;
