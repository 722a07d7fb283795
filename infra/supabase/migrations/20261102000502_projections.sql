-- Projections: the other side of core's 0052_projections.sql, which says how they are made.

-- The first 8 bytes of a SHA-256 as a signed number: the same in Python (shared/projections.py).
-- No `set search_path`: that would keep it from being inlined into the scans.
create function sync.hash64(p text) returns bigint
language sql immutable strict parallel safe as $$
  select ('x' || pg_catalog.encode(pg_catalog.substr(pg_catalog.sha256(
    pg_catalog.convert_to(p, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint
$$;

create function sync.bucket(p_key text, p_buckets integer) returns integer
language sql immutable strict parallel safe as $$
  select ((sync.hash64(p_key) & 9223372036854775807) % p_buckets)::integer
$$;

-- Structured data as an object: some writers store the JSON text of it. Zeros at the end of a
-- fraction go, since a number that passed through a program has lost them; in a text they go too,
-- which does no harm to a comparison.
create function sync.canonical_json(p jsonb) returns text
language plpgsql immutable set search_path = '' as $$
declare
  flat text;
begin
  if jsonb_typeof(p) = 'string' then
    begin
      p := nullif(btrim(p #>> '{}', E' \t\r\n'), '')::jsonb;
    exception when data_exception then
      null;  -- unreadable: it stays what it is
    end;
  end if;
  flat := p::text;
  if flat ~ '\.\d*0[,}\]\s]' then
    flat := regexp_replace(flat, '(\.\d*?)0+(?=[,}\]\s])', '\1', 'g');
  end if;
  return nullif(flat, 'null');
end $$;

-- A document's type as core names it: the spellings of shared/document_reading.py.
create function sync.core_type(p text) returns text language sql immutable parallel safe as $$
  select case pg_catalog.lower(pg_catalog.btrim(p))
    when 'lab_report' then 'LAB' when 'lab report' then 'LAB'
    else pg_catalog.upper(pg_catalog.btrim(p)) end
$$;

create view sync.projection_auth_users as
select u.id as at, u.raw_app_meta_data ->> 'firebase_uid' as entity,
       u.raw_app_meta_data ->> 'firebase_uid' as key,
       jsonb_build_array(u.raw_app_meta_data ->> 'firebase_uid', u.raw_app_meta_data ->> 'postgres_id',
         u.raw_app_meta_data ->> 'role', nullif(lower(u.email), ''), nullif(u.phone, ''),
         u.raw_user_meta_data ->> 'firebase_uid', u.raw_user_meta_data ->> 'postgres_id',
         u.raw_user_meta_data ->> 'role', u.raw_user_meta_data ->> 'name')::text as canonical
from auth.users u
where u.raw_app_meta_data ->> 'firebase_uid' is not null
  and (u.email <> '' or u.phone <> '');

create view sync.projection_documents as
select d.id as at, d.id::text as entity, d.id::text as key,
       jsonb_build_array(d.id::text, d.patient_id, sync.core_type(d.type), d.file_url, d.text,
         sync.canonical_json(d.structured_json), d.ocr_confidence,
         to_char((d.created_at at time zone 'UTC')::timestamp(3), 'YYYY-MM-DD HH24:MI:SS.MS'),
         d.version, true)::text as canonical
from public.documents d where d.origin = 'upload';

-- Mirrors, by the version of core that they show, with a set of chunks that is whole (a revoked one
-- has none), and the digest of file and text.
create view sync.projection_prescriptions as
select d.id as at, d.id::text as entity, coalesce(d.source_version, 0)::text as key,
       jsonb_build_array(coalesce(d.source_version, 0)::text, d.patient_id,
         sync.canonical_json(d.structured_json),
         coalesce(
           (select count(c.chunk_index) = max(c.chunk_index) + 1 and bool_and(c.patient_id = d.patient_id)
            from public.rag_chunks c where c.document_id = d.id),
           d.revoked_at is not null),
         sync.hash64(jsonb_build_array(d.file_url, d.text, d.revoked_at is not null)::text)
       )::text as canonical
from public.documents d where d.origin = 'core';

-- The type of a projection's paging column, so that its index is used.
create function sync.at_type(p_view text) returns text
language sql stable set search_path = '' as $$
  select format_type(a.atttypid, a.atttypmod) from pg_catalog.pg_attribute a
  where a.attrelid = to_regclass(format('sync.%I', p_view)) and a.attname = 'at'
$$;

create function sync.digest_count(p_projection text) returns bigint
language plpgsql stable set search_path = '' as $$
declare
  n bigint;
begin
  execute format('select count(*) from sync.%I', 'projection_' || p_projection) into n;
  return n;
end $$;

-- One page of a projection, digested: {after, rows, buckets: [[bucket, rows, xor of hashes]]}.
-- `after` is null at the end.
create function sync.digest_page(
  p_projection text, p_buckets integer, p_after text, p_limit integer
) returns jsonb language plpgsql stable set search_path = '' as $$
declare
  source constant text := 'projection_' || p_projection;
  answer jsonb;
begin
  execute format(
    'with page as ('
    '  select at, key, canonical from sync.%1$I where $2 is null or at > $2::%2$s'
    '  order by at fetch first ($3) rows with ties'
    '), summed as ('
    '  select sync.bucket(key, $1) as bucket, count(*) as rows, bit_xor(sync.hash64(canonical)) as x'
    '  from page group by 1'
    ') select jsonb_build_object('
    '    ''after'', case when (select count(*) from page) >= $3'
    '             then (select at::text from page order by at desc limit 1) end,'
    '    ''rows'', (select count(*) from page),'
    '    ''buckets'', coalesce((select jsonb_agg(jsonb_build_array(bucket, rows, x)) from summed), ''[]''))',
    source, sync.at_type(source))
  into answer using p_buckets, p_after, p_limit;
  return answer;
end $$;

-- The rows of some buckets, by page: {after, rows: [[entity, key, hash]]}.
create function sync.digest_rows(
  p_projection text, p_buckets integer, p_wanted integer[], p_after text, p_limit integer
) returns jsonb language plpgsql stable set search_path = '' as $$
declare
  source constant text := 'projection_' || p_projection;
  answer jsonb;
begin
  execute format(
    'with page as ('
    '  select at, entity, key, canonical from sync.%1$I'
    '  where ($3 is null or at > $3::%2$s) and sync.bucket(key, $1) = any ($2)'
    '  order by at fetch first ($4) rows with ties'
    ') select jsonb_build_object('
    '    ''after'', case when (select count(*) from page) >= $4'
    '             then (select at::text from page order by at desc limit 1) end,'
    '    ''rows'', coalesce((select jsonb_agg(jsonb_build_array(entity, key, sync.hash64(canonical)))'
    '                      from page), ''[]''))',
    source, sync.at_type(source))
  into answer using p_buckets, p_wanted, p_after, p_limit;
  return answer;
end $$;

-- Which of these entities are under way by the outbox: not announced yet, or changed lately.
create function sync.moving_entities(p_kind text, p_keys text[], p_age_s double precision)
returns table (key text) language sql stable set search_path = '' as $$
  select o.key from sync.outbox o
  where o.kind = p_kind and o.key = any (p_keys)
    and (o.sent_at is null or greatest(o.changed_at, o.sent_at)
                              > now() - make_interval(secs => p_age_s))
$$;

-- The same, callable through the data API by the service role only.
create function public.digest_count(p_projection text) returns bigint
language sql stable security definer set search_path = '' as $$
  select sync.digest_count(p_projection)
$$;
create function public.digest_page(
  p_projection text, p_buckets integer, p_after text, p_limit integer
) returns jsonb language sql stable security definer set search_path = '' as $$
  select sync.digest_page(p_projection, p_buckets, p_after, p_limit)
$$;
create function public.digest_rows(
  p_projection text, p_buckets integer, p_wanted integer[], p_after text, p_limit integer
) returns jsonb language sql stable security definer set search_path = '' as $$
  select sync.digest_rows(p_projection, p_buckets, p_wanted, p_after, p_limit)
$$;
create function public.moving_entities(p_kind text, p_keys text[], p_age_s double precision)
returns jsonb language sql stable security definer set search_path = '' as $$
  select coalesce(jsonb_agg(m.key), '[]') from sync.moving_entities(p_kind, p_keys, p_age_s) m
$$;
-- Of these entities, those that the source says are deleted.
create function public.deleted_among(p_kind text, p_keys text[])
returns jsonb language sql stable security definer set search_path = '' as $$
  select coalesce(jsonb_agg(o.key), '[]') from sync.outbox o
  where o.kind = p_kind and o.key = any (p_keys) and o.deleted
$$;

revoke execute on function public.digest_count(text),
  public.digest_page(text, integer, text, integer),
  public.digest_rows(text, integer, integer[], text, integer),
  public.moving_entities(text, text[], double precision), public.deleted_among(text, text[])
  from public, anon, authenticated;
grant execute on function public.digest_count(text),
  public.digest_page(text, integer, text, integer),
  public.digest_rows(text, integer, integer[], text, integer),
  public.moving_entities(text, text[], double precision), public.deleted_among(text, text[])
  to service_role;
