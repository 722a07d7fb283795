-- The outbox: which documents changed and have not been announced yet. The same as core's: one row
-- per entity, written in the changing transaction, leased, announced, settled.

create schema if not exists sync;
create sequence if not exists sync.version;

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

-- The trace of the request that writes: of its `traceparent` header through the data API, of
-- set_config('sync.traceparent', '00-...', true) in any other transaction.
create function sync.traceparent() returns text
language sql stable set search_path = '' as $$
  select substring(coalesce(
    nullif(current_setting('sync.traceparent', true), ''),
    nullif(current_setting('request.headers', true), '')::json ->> 'traceparent'
  ) from '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$')
$$;

-- Lease up to p_limit unsent rows for p_lease_s seconds under the caller's token. Neither this nor
-- settling waits for the disk: what a crash of the database takes back is announced once more.
create function public.claim_outbox(p_token uuid, p_limit integer, p_lease_s integer)
returns table (kind text, key text, version bigint, traceparent text)
language sql security definer set search_path = '' set enable_seqscan = off as $$
  select set_config('synchronous_commit', 'off', true);
  with due as (
    select o.ctid as place from sync.outbox o
    where o.sent_at is null and (o.lease_until is null or o.lease_until < now())
    order by o.changed_at limit p_limit for update skip locked
  )
  update sync.outbox o
  set lease_until = now() + make_interval(secs => p_lease_s), lease_token = p_token,
      attempts = o.attempts + 1
  where o.ctid = any (array(select place from due))
  returning o.kind, o.key, o.version, o.traceparent
$$;

-- Mark as sent what the token still holds at the version that was announced.
create function public.settle_outbox(p_token uuid, p_sent jsonb)
returns integer language sql security definer set search_path = '' set enable_seqscan = off as $$
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

-- Which of these entities the source says are deleted, and at which version. An entity that is
-- merely absent is not in the answer: nothing is deleted on suspicion.
create function public.deleted_entities(p_kind text, p_keys text[])
returns table (key text, version bigint)
language sql stable security definer set search_path = '' as $$
  select o.key, o.version from sync.outbox o
  where o.kind = p_kind and o.key = any (p_keys) and o.deleted
$$;

revoke execute on function public.claim_outbox(uuid, integer, integer),
  public.settle_outbox(uuid, jsonb), public.deleted_entities(text, text[])
  from public, anon, authenticated;
grant execute on function public.claim_outbox(uuid, integer, integer),
  public.settle_outbox(uuid, jsonb), public.deleted_entities(text, text[]) to service_role;
