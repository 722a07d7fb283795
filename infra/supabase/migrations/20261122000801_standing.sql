-- How much there is and what waits to be announced, without a scan: a count is the sum of rows that
-- are only added, folded now and then without waiting for anybody.

create table sync.row_counts (n bigint not null)
  with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
insert into sync.row_counts select count(*) from public.documents;

create function sync.count_documents() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'TRUNCATE' then
    insert into sync.row_counts select -coalesce(sum(n), 0) from sync.row_counts;
    return null;
  end if;
  insert into sync.row_counts
  select case tg_op when 'INSERT' then count(*) else -count(*) end from changed
  having count(*) > 0;
  -- `where true`: pg-safeupdate, which hosted Supabase loads for its data API, refuses a delete without.
  if random() < 0.005 and pg_try_advisory_xact_lock(hashtextextended('sync.row_counts', 0)) then
    with gone as (delete from sync.row_counts where true returning n)
    insert into sync.row_counts select coalesce(sum(n), 0) from gone;
  end if;
  return null;
end $$;
create trigger counted_inserted after insert on public.documents
  referencing new table as changed for each statement execute function sync.count_documents();
create trigger counted_deleted after delete on public.documents
  referencing old table as changed for each statement execute function sync.count_documents();
create trigger counted_truncated after truncate on public.documents
  for each statement execute function sync.count_documents();

create index outbox_announced on sync.outbox (sent_at desc) where sent_at is not null;

-- What the outbox holds: documents, unsent rows and the age of the oldest, and the last p_limit
-- announcements, for which core's ledger tells whether they have arrived.
create function public.outbox_standing(p_limit integer) returns jsonb
language sql stable security definer set search_path = '' as $$
  select jsonb_build_object(
    'documents', (select coalesce(sum(n), 0) from sync.row_counts),
    'unsent', (select count(*) from sync.outbox where sent_at is null),
    'unsent_s', (select extract(epoch from now() - min(changed_at)) from sync.outbox
                 where sent_at is null),
    'announced', coalesce((select jsonb_agg(jsonb_build_array(a.kind, a.key, a.version,
        extract(epoch from now() - a.sent_at))) from (
      select o.kind, o.key, o.version, o.sent_at from sync.outbox o
      where o.sent_at is not null order by o.sent_at desc limit p_limit) a), '[]'))
$$;

-- A patient's documents, and one document: ids, versions and kinds only, no content.
create function public.document_standing(p_uid text, p_id uuid)
returns table (id uuid, patient_id text, type text, origin text, version bigint,
               source_version bigint, created_at timestamptz, updated_at timestamptz,
               revoked boolean, chunks bigint)
language sql stable security definer set search_path = '' as $$
  select d.id, d.patient_id, d.type, d.origin, d.version, d.source_version, d.created_at,
         d.updated_at, d.revoked_at is not null,
         (select count(*) from public.rag_chunks c where c.document_id = d.id)
  from public.documents d
  where (p_uid is null or d.patient_id = p_uid) and (p_id is null or d.id = p_id)
    and (p_uid is not null or p_id is not null)
  order by d.created_at desc limit 200
$$;

-- A document's search chunks, and the document of a chunk: ids and what they were made with.
create function public.chunk_lineage(p_chunk uuid, p_document uuid)
returns table (id uuid, document_id uuid, patient_id text, chunk_index integer,
               embedding_model text, created_at timestamptz)
language sql stable security definer set search_path = '' as $$
  select c.id, c.document_id, c.patient_id, c.chunk_index, c.embedding_model, c.created_at
  from public.rag_chunks c
  where c.id = p_chunk or c.document_id = p_document
  order by c.document_id, c.chunk_index limit 500
$$;

revoke execute on function public.outbox_standing(integer),
  public.document_standing(text, uuid), public.chunk_lineage(uuid, uuid)
  from public, anon, authenticated;
grant execute on function public.outbox_standing(integer),
  public.document_standing(text, uuid), public.chunk_lineage(uuid, uuid) to service_role;
