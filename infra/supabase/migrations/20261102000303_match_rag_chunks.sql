-- Search: the nearest chunks of one patient, by cosine distance.
--
-- Runs with the caller's rights, so a patient's own token finds the patient's own chunks and no
-- argument changes that. Where row level security does not bind the caller (service_role), the
-- patient must be named. Exact: the materialized set keeps the planner from a vector index, which
-- looks at the nearest of all patients first and then has too few left of this one.
create function public.match_rag_chunks(
  query_embedding extensions.vector(1536), match_count integer, patient text default null
)
returns table (id uuid, document_id uuid, chunk_text text, metadata jsonb, similarity double precision)
language plpgsql stable security invoker set search_path = '' as $$
begin
  if patient is null and not row_security_active('public.rag_chunks') then
    raise exception 'patient: required for a caller whom row level security does not bind'
      using errcode = 'null_value_not_allowed';
  end if;
  return query
    with own as materialized (
      select c.id, c.embedding operator(extensions.<=>) query_embedding as distance
      from public.rag_chunks c
      join public.documents d on d.id = c.document_id
      where (patient is null or c.patient_id = patient)
        and d.patient_id = c.patient_id and d.revoked_at is null
    ), nearest as (
      select o.id, o.distance from own o order by o.distance, o.id
      limit greatest(coalesce(match_count, 0), 0)
    )
    select c.id, c.document_id, c.chunk_text, c.metadata, 1 - n.distance
    from nearest n join public.rag_chunks c on c.id = n.id order by n.distance, n.id;
end $$;

revoke execute on function public.match_rag_chunks(extensions.vector, integer, text) from public, anon;
grant execute on function public.match_rag_chunks(extensions.vector, integer, text)
  to authenticated, service_role;
