-- Revoked prescriptions: marked, invisible to the patient, out of search.

alter table public.documents add column if not exists revoked_at timestamptz;

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

drop policy if exists documents_own on public.documents;
create policy documents_own on public.documents for select to authenticated
  using (patient_id = (select auth.jwt() ->> 'sub') and revoked_at is null);

-- A chunk is visible with its document: the subquery is under the documents' own policy.
drop policy if exists rag_chunks_own on public.rag_chunks;
create policy rag_chunks_own on public.rag_chunks for select to authenticated
  using (patient_id = (select auth.jwt() ->> 'sub')
         and exists (select from public.documents d where d.id = document_id));

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

-- As before, with the mark of revocation; a prescription that is no longer revoked comes back.
create or replace function public.mirror_documents(p_documents jsonb)
returns integer language sql security definer set search_path = '' as $$
  with given as (
    select * from jsonb_to_recordset(p_documents) as g(id uuid, patient_id text, type text,
      file_url text, text text, structured_json jsonb, ocr_confidence double precision,
      created_at timestamptz, source_version bigint, revoked boolean)
  ), written as (
    insert into public.documents as d (id, patient_id, type, file_url, text, structured_json,
      ocr_confidence, created_at, origin, source_version, revoked_at)
    select id, patient_id, type, file_url, text, structured_json, ocr_confidence, created_at,
           'core', source_version, case when revoked then now() end
    from given order by id
    on conflict (id) do update set
      patient_id = excluded.patient_id, type = excluded.type, file_url = excluded.file_url,
      text = excluded.text, structured_json = excluded.structured_json,
      ocr_confidence = excluded.ocr_confidence, created_at = excluded.created_at,
      source_version = excluded.source_version,
      revoked_at = case when excluded.revoked_at is not null
                        then coalesce(d.revoked_at, excluded.revoked_at) end
      where d.origin = 'core' and d.source_version < excluded.source_version
    returning 1
  )
  select count(*)::integer from written
$$;

revoke execute on function public.hide_documents(jsonb) from public, anon, authenticated;
grant execute on function public.hide_documents(jsonb) to service_role;
