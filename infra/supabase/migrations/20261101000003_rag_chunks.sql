-- Search chunks of documents, one embedding model at a time per document.

create extension if not exists vector with schema extensions;

create table if not exists public.rag_chunks (
  id uuid primary key,
  document_id uuid not null references public.documents(id) on delete cascade,
  patient_id text not null,
  chunk_index integer not null,
  chunk_text text not null,
  embedding extensions.vector(1536) not null,
  metadata jsonb not null default '{}',
  content_hash text not null,
  embedding_model text not null,
  created_at timestamptz not null default now(),
  unique (document_id, chunk_index)
);
-- Search is exact within one patient: a vector index filtered by row level security returns too few.
create index if not exists rag_chunks_patient on public.rag_chunks (patient_id);

alter table public.rag_chunks enable row level security;
create policy rag_chunks_own on public.rag_chunks for select to authenticated
  using (patient_id = (select auth.jwt() ->> 'sub'));

-- What an indexing step needs in one read: the documents' text and the hashes already indexed.
create function public.read_for_indexing(p_ids uuid[])
returns table (id uuid, patient_id text, type text, text text, structured_json jsonb,
               version bigint, hashes jsonb)
language sql stable security definer set search_path = '' as $$
  select d.id, d.patient_id, d.type, d.text, d.structured_json, d.version,
         coalesce((select jsonb_object_agg(c.chunk_index, c.content_hash || ':' || c.embedding_model)
                   from public.rag_chunks c where c.document_id = d.id), '{}')
  from public.documents d where d.id = any (p_ids)
$$;

-- Swap the chunks of several documents, each as a whole:
-- [{id, version, model, chunks: [{id, index, text, hash, metadata, embedding|null}]}].
-- A null embedding keeps the stored one (its text did not change). A document that moved on since
-- it was read is left alone and not in the answer: the caller reads it again. Its row is locked, so
-- that two swaps of one document cannot interleave.
create function public.replace_chunks(p_documents jsonb) returns table (id uuid)
language plpgsql security definer set search_path = '' as $$
declare
  doc record;
begin
  for doc in
    select d.id, d.patient_id, p.model, p.chunks
    from jsonb_to_recordset(p_documents) as p(id uuid, version bigint, model text, chunks jsonb)
    join public.documents d on d.id = p.id and d.version = p.version
    order by d.id for no key update of d
  loop
    delete from public.rag_chunks c
    where c.document_id = doc.id and c.chunk_index >= jsonb_array_length(doc.chunks);

    update public.rag_chunks c set patient_id = doc.patient_id, metadata = n.metadata
    from jsonb_to_recordset(doc.chunks) as n(index integer, embedding text, metadata jsonb)
    where c.document_id = doc.id and c.chunk_index = n.index and n.embedding is null
      and (c.patient_id, c.metadata) is distinct from (doc.patient_id, n.metadata);

    insert into public.rag_chunks as c (id, document_id, patient_id, chunk_index, chunk_text,
      embedding, metadata, content_hash, embedding_model)
    select n.id, doc.id, doc.patient_id, n.index, n.text,
           n.embedding::extensions.vector, n.metadata, n.hash, doc.model
    from jsonb_to_recordset(doc.chunks)
      as n(id uuid, index integer, text text, hash text, metadata jsonb, embedding text)
    where n.embedding is not null
    on conflict (document_id, chunk_index) do update set
      id = excluded.id, patient_id = excluded.patient_id, chunk_text = excluded.chunk_text,
      embedding = excluded.embedding, metadata = excluded.metadata,
      content_hash = excluded.content_hash, embedding_model = excluded.embedding_model;

    id := doc.id;
    return next;
  end loop;
end $$;

revoke execute on function public.read_for_indexing(uuid[]), public.replace_chunks(jsonb)
  from public, anon, authenticated;
grant execute on function public.read_for_indexing(uuid[]), public.replace_chunks(jsonb)
  to service_role;
