-- Chunks that the edge function writes itself, as the product has them: {patient_id, document_id,
-- chunk_text, embedding, metadata}. They have no content_hash; that is how they are told from ours.

alter table public.rag_chunks
  alter column id set default gen_random_uuid(),
  alter column chunk_index drop not null,
  alter column content_hash drop not null,
  alter column embedding_model drop not null;

-- A document has one set of chunks. Once the sync has indexed it, what the edge function still
-- brings is passed over. The shared lock waits for a swap under way, whose chunks are then seen.
create function sync.pass_over_chunk() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  perform from public.documents d where d.id = new.document_id for share;
  if exists (select from public.rag_chunks c
             where c.document_id = new.document_id and c.content_hash is not null) then
    return null;
  end if;
  return new;
end $$;
create trigger pass_over before insert on public.rag_chunks
  for each row when (new.content_hash is null) execute function sync.pass_over_chunk();

-- As before, with the document's standing and the edge function's chunks. A chunk under another
-- patient's name has no text here: it can never count as this document's.
drop function public.read_for_indexing(uuid[]);
create function public.read_for_indexing(p_ids uuid[])
returns table (id uuid, type text, text text, structured_json jsonb, created_at timestamptz,
               version bigint, revoked boolean, hashes jsonb, foreign_chunks jsonb)
language sql stable security definer set search_path = '' as $$
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

-- As before; the edge function's chunks go with the swap.
create or replace function public.replace_chunks(p_documents jsonb) returns table (id uuid)
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
    where c.document_id = doc.id
      and (c.content_hash is null or c.chunk_index >= jsonb_array_length(doc.chunks));

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

revoke execute on function public.read_for_indexing(uuid[]) from public, anon, authenticated;
grant execute on function public.read_for_indexing(uuid[]) to service_role;
