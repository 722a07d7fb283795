-- Files of documents in Storage: a private bucket, every patient's files in the patient's own
-- folder (documents/<uid>/...), readable with the patient's own token only.

insert into storage.buckets (id, name, public) values ('documents', 'documents', false)
on conflict (id) do nothing;

create policy healbridge_own_files on storage.objects for select to authenticated
  using (bucket_id = 'documents'
         and (storage.foldername(name))[1] = (select sync.patient_of_token()));

-- Files whose document was deleted, until they are deleted too. Storage cannot be told from SQL, and
-- with the row gone nobody would know the file.
create table sync.removed_files (
  document_id uuid primary key,
  patient_id text not null,
  file_url text not null,
  removed_at timestamptz not null default now()
);

create function sync.note_removed_files() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into sync.removed_files as r (document_id, patient_id, file_url)
  select c.id, c.patient_id, c.file_url from changed c
  where c.origin = 'upload' and c.file_url is not null order by c.id
  on conflict (document_id) do update set
    patient_id = excluded.patient_id, file_url = excluded.file_url, removed_at = excluded.removed_at;
  return null;
end $$;
create trigger note_removed_files after delete on public.documents
  referencing old table as changed for each statement execute function sync.note_removed_files();

-- The files that deleted documents have left; not those that a document still uses. `used`: what else of
-- the patient's is used, since one file has many addresses (each signing makes another).
create function public.removed_files(p_ids uuid[])
returns table (document_id uuid, patient_id text, file_url text, used text[])
language sql stable security definer set search_path = '' as $$
  select r.document_id, r.patient_id, r.file_url, array(
    select d.file_url from public.documents d
    where d.patient_id = r.patient_id and d.file_url is not null)
  from sync.removed_files r
  where r.document_id = any (p_ids)
    and not exists (select from public.documents d where d.file_url = r.file_url)
$$;

create function public.forget_removed_files(p_ids uuid[])
returns integer language sql security definer set search_path = '' as $$
  with forgotten as (
    delete from sync.removed_files r where r.document_id = any (p_ids) returning 1
  )
  select count(*)::integer from forgotten
$$;

-- The next of the deleted documents whose files are left although that was announced so long ago.
create function public.left_files(p_overdue_s double precision, p_after uuid, p_limit integer)
returns table (document_id uuid)
language sql stable security definer set search_path = '' as $$
  select r.document_id from sync.removed_files r
  join sync.outbox o on o.kind = 'document' and o.key = r.document_id::text
  where o.deleted and o.sent_at < now() - make_interval(secs => p_overdue_s)
    and (p_after is null or r.document_id > p_after)
  order by r.document_id limit p_limit
$$;

revoke execute on function public.removed_files(uuid[]), public.forget_removed_files(uuid[]),
  public.left_files(double precision, uuid, integer) from public, anon, authenticated;
grant execute on function public.removed_files(uuid[]), public.forget_removed_files(uuid[]),
  public.left_files(double precision, uuid, integer) to service_role;
