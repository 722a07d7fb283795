-- Chunks that the edge function writes itself, as the product has them: {patient_id, document_id,
-- chunk_text, embedding, metadata}. They have no content_hash; that is how they are told from ours.

-- A document has one set of chunks. Once the sync has indexed it, what the edge function still
-- brings is passed over. The shared lock waits for a swap under way, whose chunks are then seen.
create function sync.pass_over_chunk() returns trigger
language plpgsql security definer set search_path = '' set enable_seqscan = off as $$
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
