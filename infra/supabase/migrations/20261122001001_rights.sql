-- Default deny. A project of Supabase gives its three API roles every right on every new table and
-- function of schema public, and PostgreSQL lets everybody execute new functions: here that is taken
-- back. What each function of ours needs was granted beside it. tests/contract/rights/supabase.txt
-- says what must hold, also for what comes after this migration.

revoke all on public.documents, public.rag_chunks from public, anon, authenticated, service_role;
grant select on public.documents, public.rag_chunks to authenticated;
grant select, insert, update, delete on public.documents, public.rag_chunks to service_role;

-- Schema sync is reached through functions in schema public alone.
revoke all on schema sync from public, anon, authenticated, service_role;
revoke all on all tables in schema sync from public, anon, authenticated, service_role;
revoke all on all sequences in schema sync from public, anon, authenticated, service_role;
revoke all on all functions in schema sync from public, anon, authenticated, service_role;
grant execute on function sync.patient_of_token() to authenticated;

-- Whatever else a policy allows: a token that does not count sees nothing.
create policy trusted_token on public.documents as restrictive for all to authenticated
  using ((select sync.patient_of_token()) is not null);
create policy trusted_token on public.rag_chunks as restrictive for all to authenticated
  using ((select sync.patient_of_token()) is not null);
create policy healbridge_trusted_token on storage.objects as restrictive for all to authenticated
  using (bucket_id <> 'documents' or (select sync.patient_of_token()) is not null);
