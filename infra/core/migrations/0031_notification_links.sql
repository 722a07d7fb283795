-- What was told of a document or a prescription must not lead to it once it is deleted. The
-- backend's `notifications` name what they are about in metadata, {"kind", "id"}; the row stays as the
-- record that the patient was told, the reference goes.

create index if not exists notifications_about_sync
  on public.notifications ((metadata ->> 'kind'), (metadata ->> 'id'));

create function sync.unlink_notifications(p_kind text, p_keys text[])
returns integer language sql set search_path = '' set enable_seqscan = off as $$
  with unlinked as (
    update public.notifications n set metadata = n.metadata - 'id'
    where n.metadata ->> 'kind' = p_kind and n.metadata ->> 'id' = any (p_keys)
    returning 1
  )
  select count(*)::integer from unlinked
$$;
