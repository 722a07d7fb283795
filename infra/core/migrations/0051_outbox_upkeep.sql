-- Announcing again, and forgetting what is long gone.

-- Which tables are watched, and under which kind and key: read from the triggers themselves, so that
-- watching a table is the one declaration.
create view sync.watched as
select t.tgrelid::regclass as source,
       split_part(encode(t.tgargs, 'escape'), '\000', 1) as kind,
       split_part(encode(t.tgargs, 'escape'), '\000', 2) as key_column
from pg_trigger t where t.tgname = 'sync_inserted' and not t.tgisinternal;

-- Announce entities again. They get a new version: a target that is guarded by the version would
-- otherwise refuse what it already has, and could not be repaired. A deleted one keeps its mark. An
-- entity without row is one that changed before the outbox was there.
create function sync.announce_again(p_kind text, p_keys text[]) returns integer
language sql set search_path = '' as $$
  with again as (
    insert into sync.outbox as o (kind, key, version)
    select p_kind, wanted.key, nextval('sync.version')
    from (select distinct unnest(p_keys) as key order by 1) wanted
    on conflict (kind, key) do update set
      version = nextval('sync.version'), changed_at = excluded.changed_at, sent_at = null,
      lease_until = null, lease_token = null, attempts = 0, traceparent = null
    returning 1
  )
  select count(*)::integer from again
$$;

-- Announce one page of a kind's entities again, by key order; null when there are no more.
create function sync.announce_page(p_kind text, p_after text, p_limit integer)
returns table (after text, announced integer)
language plpgsql set search_path = '' as $$
declare
  watched record;
  page text[];
begin
  select * into strict watched from sync.watched w where w.kind = p_kind;
  execute format(
    'select array_agg(key order by key) from (select %1$I::text as key from %2$s'
    ' where %1$I is not null and ($1 is null or %1$I > $1) order by %1$I limit $2) s',
    watched.key_column, watched.source)
  into page using p_after, p_limit;
  after := page[array_length(page, 1)];
  announced := case when page is null then 0 else sync.announce_again(p_kind, page) end;
  return next;
end $$;

-- Forget deletions that were announced more than p_days ago. Rows of living entities stay: they hold
-- the entity's version.
create function sync.purge_outbox(p_days integer, p_limit integer) returns integer
language sql set search_path = '' as $$
  with old as (
    select o.kind, o.key from sync.outbox o
    where o.deleted and o.sent_at < now() - make_interval(days => p_days)
    order by o.sent_at limit p_limit for update skip locked
  ), purged as (
    delete from sync.outbox o using old where o.kind = old.kind and o.key = old.key returning 1
  )
  select count(*)::integer from purged
$$;
create index outbox_tombstones on sync.outbox (sent_at) where deleted;
