-- What the sync writes and looks up in Supabase, callable by the service role only.

-- Upsert mirrors of core's prescriptions, guarded by core's version: an older one changes nothing.
-- The check and the write are one statement under the row's lock. A prescription that is no longer
-- revoked comes back.
create function public.mirror_documents(p_documents jsonb)
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

-- Remove mirrors whose core prescription is gone; chunks go with them. A mirror written at a newer
-- version stays.
create function public.unmirror_documents(p_documents jsonb)
returns integer language sql security definer set search_path = '' as $$
  with removed as (
    delete from public.documents d
    using jsonb_to_recordset(p_documents) as g(id uuid, source_version bigint)
    where d.id = g.id and d.origin = 'core' and d.source_version < g.source_version
    returning 1
  )
  select count(*)::integer from removed
$$;

-- Auth users by id, e-mail or phone in one read: GoTrue can be asked for one user at a time only,
-- and has no search by phone. By GoTrue's own index of e-mails, which begins with the instance (there
-- is one): without it every look-up would read all accounts.
create function public.find_auth_users(p_ids uuid[], p_emails text[], p_phones text[])
returns table (id uuid, email text, phone text, email_confirmed boolean, phone_confirmed boolean,
               app_metadata jsonb, user_metadata jsonb)
language sql stable security definer set search_path = '' set enable_seqscan = off as $$
  select u.id, u.email::text, u.phone::text, u.email_confirmed_at is not null,
         u.phone_confirmed_at is not null, u.raw_app_meta_data, u.raw_user_meta_data
  from auth.users u
  where u.id = any (p_ids) or u.phone = any (p_phones)
    or u.instance_id = '00000000-0000-0000-0000-000000000000' and lower(u.email) = any (p_emails)
$$;

revoke execute on function public.mirror_documents(jsonb), public.unmirror_documents(jsonb),
  public.find_auth_users(uuid[], text[], text[]) from public, anon, authenticated;
grant execute on function public.mirror_documents(jsonb), public.unmirror_documents(jsonb),
  public.find_auth_users(uuid[], text[], text[]) to service_role;
