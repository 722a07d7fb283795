-- Announcing again, and forgetting what is long gone: the same as core's.

-- Announce uploads again at the version they have: core takes a version it has once more. A
-- deleted one keeps its mark; an upload without row came before the outbox did.
create function public.announce_again(p_kind text, p_keys text[]) returns integer
language sql security definer set search_path = '' as $$
  with wanted as (
    select distinct unnest(p_keys) as key
  ), again as (
    insert into sync.outbox as o (kind, key, version)
    select p_kind, w.key, coalesce(d.version, t.version)
    from wanted w
    left join public.documents d on d.id = w.key::uuid and d.origin = 'upload'
    left join sync.outbox t on t.kind = p_kind and t.key = w.key
    where p_kind = 'document' and coalesce(d.version, t.version) is not null
    order by w.key
    on conflict (kind, key) do update set
      version = greatest(o.version, excluded.version), changed_at = excluded.changed_at,
      sent_at = null, lease_until = null, lease_token = null, attempts = 0, traceparent = null
    returning 1
  )
  select count(*)::integer from again
$$;

-- Announce one page of the uploads again, by id; `after` is null when there are no more.
create function public.announce_page(p_kind text, p_after text, p_limit integer)
returns table (after text, announced integer)
language sql security definer set search_path = '' as $$
  with page as (
    select d.id from public.documents d
    where d.origin = 'upload' and (p_after is null or d.id > p_after::uuid)
    order by d.id limit p_limit
  )
  select (select id::text from page order by id desc limit 1),
         public.announce_again(p_kind, (select coalesce(array_agg(id::text), '{}') from page))
$$;

-- Forget deletions that were announced more than p_days ago; rows of living documents stay, and
-- those of deleted ones whose files are still there.
create function public.purge_outbox(p_days integer, p_limit integer) returns integer
language sql security definer set search_path = '' as $$
  with old as (
    select o.kind, o.key from sync.outbox o
    where o.deleted and o.sent_at < now() - make_interval(days => p_days)
      and not exists (select from sync.removed_files r where r.document_id::text = o.key)
    order by o.sent_at limit p_limit for update skip locked
  ), purged as (
    delete from sync.outbox o using old where o.kind = old.kind and o.key = old.key returning 1
  )
  select count(*)::integer from purged
$$;
create index outbox_tombstones on sync.outbox (sent_at) where deleted;

-- A patient's uploads, for support and repair; one value, since rows are cut off at the API's limit.
create function public.patient_documents(p_uid text) returns jsonb
language sql stable security definer set search_path = '' as $$
  select coalesce(jsonb_agg(d.id), '[]') from public.documents d
  where d.patient_id = p_uid and d.origin = 'upload'
$$;

revoke execute on function public.announce_again(text, text[]),
  public.announce_page(text, text, integer), public.purge_outbox(integer, integer),
  public.patient_documents(text) from public, anon, authenticated;
grant execute on function public.announce_again(text, text[]),
  public.announce_page(text, text, integer), public.purge_outbox(integer, integer),
  public.patient_documents(text) to service_role;
