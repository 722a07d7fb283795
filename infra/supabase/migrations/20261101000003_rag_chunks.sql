-- Search chunks of documents, one embedding model at a time per document.

create extension if not exists vector with schema extensions;

create table if not exists public.rag_chunks (
  id uuid primary key default gen_random_uuid(),
  document_id uuid not null references public.documents(id) on delete cascade,
  patient_id text not null,
  chunk_text text not null,
  embedding extensions.vector(1536) not null,
  metadata jsonb not null default '{}'
);
-- Empty in a chunk that the edge function wrote; that is how it is told from ours.
alter table public.rag_chunks
  add column if not exists chunk_index integer,
  add column if not exists content_hash text,
  add column if not exists embedding_model text,
  add column if not exists document_version bigint,  -- of the document when it was last indexed
  add column if not exists created_at timestamptz not null default now();
create unique index if not exists rag_chunks_place on public.rag_chunks (document_id, chunk_index);
-- Search is exact within one patient: a vector index filtered by row level security returns too few.
create index if not exists rag_chunks_patient on public.rag_chunks (patient_id);

alter table public.rag_chunks enable row level security;
-- A chunk is visible with its document: the subquery is under the documents' own policy.
create policy rag_chunks_own on public.rag_chunks for select to authenticated
  using (patient_id = (select sync.patient_of_token())
         and exists (select from public.documents d where d.id = document_id));

-- What an indexing step needs in one read: the documents' text and standing, the hashes already
-- indexed, the edge function's chunks. A chunk under another patient's name has no text here: it can
-- never count as this document's. Its plan may be kept while the tables grow, so it plans no scan.
create function public.read_for_indexing(p_ids uuid[])
returns table (id uuid, type text, text text, structured_json jsonb, created_at timestamptz,
               version bigint, revoked boolean, hashes jsonb, foreign_chunks jsonb)
language sql stable security definer set search_path = '' set enable_seqscan = off as $$
  select d.id, d.type, d.text, d.structured_json, d.created_at, d.version,
         d.revoked_at is not null,
         coalesce((select jsonb_object_agg(c.chunk_index, c.content_hash || ':' || c.embedding_model)
                   from public.rag_chunks c
                   where c.document_id = d.id and c.content_hash is not null), '{}'),
         coalesce((select jsonb_agg(jsonb_build_object(
                     'text', case when c.patient_id = d.patient_id then c.chunk_text end,
                     'model', coalesce(c.embedding_model, c.metadata ->> 'model')))
                   from public.rag_chunks c
                   where c.document_id = d.id and c.content_hash is null), '[]')
  from public.documents d where d.id = any (p_ids)
$$;

-- Swap the chunks of several documents, each as a whole:
-- [{id, version, model, chunks: [{id, index, text, hash, metadata, embedding|null}]}].
-- A null embedding keeps the stored one (its text did not change). A document that moved on since
-- it was read is left alone and not in the answer: the caller reads it again. Its row is locked, so
-- that two swaps of one document cannot interleave. The edge function's chunks go with the swap.
-- The plans are kept while the tables grow: everything is looked up by key, nothing scanned or hashed.
create function public.replace_chunks(p_documents jsonb) returns table (id uuid)
language plpgsql security definer set search_path = ''
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  doc record;
begin
  for doc in
    select d.id, d.patient_id, d.version, p.model, p.chunks
    from jsonb_to_recordset(p_documents) as p(id uuid, version bigint, model text, chunks jsonb)
    join public.documents d on d.id = p.id and d.version = p.version
    order by d.id for no key update of d
  loop
    delete from public.rag_chunks c
    where c.document_id = doc.id
      and (c.content_hash is null or c.chunk_index >= jsonb_array_length(doc.chunks));

    update public.rag_chunks c set
      patient_id = doc.patient_id, metadata = n.metadata, document_version = doc.version
    from jsonb_to_recordset(doc.chunks) as n(index integer, embedding text, metadata jsonb)
    where c.document_id = doc.id and c.chunk_index = n.index and n.embedding is null
      and (c.patient_id, c.metadata, c.document_version)
          is distinct from (doc.patient_id, n.metadata, doc.version);

    insert into public.rag_chunks as c (id, document_id, patient_id, chunk_index, chunk_text,
      embedding, metadata, content_hash, embedding_model, document_version)
    select n.id, doc.id, doc.patient_id, n.index, n.text,
           n.embedding::extensions.vector, n.metadata, n.hash, doc.model, doc.version
    from jsonb_to_recordset(doc.chunks)
      as n(id uuid, index integer, text text, hash text, metadata jsonb, embedding text)
    where n.embedding is not null
    on conflict (document_id, chunk_index) do update set
      id = excluded.id, patient_id = excluded.patient_id, chunk_text = excluded.chunk_text,
      embedding = excluded.embedding, metadata = excluded.metadata,
      content_hash = excluded.content_hash, embedding_model = excluded.embedding_model,
      document_version = excluded.document_version;

    id := doc.id;
    return next;
  end loop;
end $$;

revoke execute on function public.read_for_indexing(uuid[]), public.replace_chunks(jsonb)
  from public, anon, authenticated;
grant execute on function public.read_for_indexing(uuid[]), public.replace_chunks(jsonb)
  to service_role;
