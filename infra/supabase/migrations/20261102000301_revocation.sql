-- Revoked prescriptions: marked, invisible to the patient, out of search.

-- Chunks go in the statement that marks their document, whoever marks it: a search that does not
-- know the mark cannot find them either. An index written meanwhile is refused, since the mark
-- moves the document's version.
create function sync.drop_revoked_chunks() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  delete from public.rag_chunks c where c.document_id = new.id;
  return null;
end $$;
create trigger drop_revoked_chunks after update of revoked_at on public.documents
  for each row when (old.revoked_at is null and new.revoked_at is not null)
  execute function sync.drop_revoked_chunks();

-- Hide mirrors of prescriptions that were revoked or deleted at a version of core, before anything
-- else is done about them: [{id, source_version}]. The mirror of that version is still to be
-- written, those of older versions are refused from now on; hence one less than the version.
create function public.hide_documents(p_documents jsonb)
returns integer language sql security definer set search_path = '' as $$
  with hidden as (
    update public.documents d
    set revoked_at = coalesce(d.revoked_at, now()), source_version = g.source_version - 1
    from jsonb_to_recordset(p_documents) as g(id uuid, source_version bigint)
    where d.id = g.id and d.origin = 'core' and d.source_version < g.source_version
    returning 1
  )
  select count(*)::integer from hidden
$$;

revoke execute on function public.hide_documents(jsonb) from public, anon, authenticated;
grant execute on function public.hide_documents(jsonb) to service_role;
