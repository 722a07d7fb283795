-- Projections: the other side of core's 0052_projections.sql, which says how they are made.

create function sync.hash64(p text) returns bigint
language sql immutable strict parallel safe as $$
  select ('x' || pg_catalog.md5(p))::bit(64)::bigint
$$;

create function sync.bucket(p_key text) returns integer
language sql immutable strict parallel safe as $$
  select ('x' || pg_catalog.md5(p_key))::bit(16)::integer
$$;

create function sync.given(p text) returns text
language sql immutable parallel safe as $$
  select coalesce(p, E'\x1e')
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

-- A document's type as core names it: the spellings of shared/papers/document_reading.py.
create function sync.core_type(p text) returns text language sql immutable parallel safe as $$
  select case pg_catalog.lower(pg_catalog.btrim(p))
    when 'lab_report' then 'LAB' when 'lab report' then 'LAB'
    else pg_catalog.upper(pg_catalog.btrim(p)) end
$$;

create function sync.projection_auth_users()
returns table (at tid, entity text, key text, canonical text) language sql stable as $$
select u.ctid as at, u.raw_app_meta_data ->> 'firebase_uid' as entity,
       u.raw_app_meta_data ->> 'firebase_uid' as key,
       concat_ws(E'\x1f', u.raw_app_meta_data ->> 'firebase_uid',
         sync.given(u.raw_app_meta_data ->> 'postgres_id'),
         sync.given(u.raw_app_meta_data ->> 'role'), sync.given(nullif(lower(u.email), '')),
         sync.given(nullif(u.phone, '')), sync.given(u.raw_user_meta_data ->> 'firebase_uid'),
         sync.given(u.raw_user_meta_data ->> 'postgres_id'),
         sync.given(u.raw_user_meta_data ->> 'role'),
         sync.given(u.raw_user_meta_data ->> 'name')) as canonical
from auth.users u
where u.raw_app_meta_data ->> 'firebase_uid' is not null
  and (u.email <> '' or u.phone <> '')
$$;

create function sync.projection_documents()
returns table (at tid, entity text, key text, canonical text) language sql stable as $$
select d.ctid as at, d.id::text as entity, d.id::text as key,
       concat_ws(E'\x1f', d.id, sync.given(d.patient_id), sync.given(sync.core_type(d.type)),
         sync.given(d.file_url), sync.given(d.text),
         sync.given(sync.canonical_json(d.structured_json)), sync.given(d.ocr_confidence::text),
         sync.given(to_char((d.created_at at time zone 'UTC')::timestamp(3),
           'YYYY-MM-DD HH24:MI:SS.MS')), d.version, true) as canonical
from public.documents d where d.origin = 'upload'
$$;

-- Mirrors, by the version of core that they show, with a set of chunks that is whole (a revoked one
-- has none), and the digest of file and text.
create function sync.projection_prescriptions()
returns table (at tid, entity text, key text, canonical text) language sql stable as $$
select d.ctid as at, d.id::text as entity, coalesce(d.source_version, 0)::text as key,
       concat_ws(E'\x1f', coalesce(d.source_version, 0), sync.given(d.patient_id),
         sync.given(sync.canonical_json(d.structured_json)),
         coalesce(
           (select count(c.chunk_index) = max(c.chunk_index) + 1 and bool_and(c.patient_id = d.patient_id)
            from public.rag_chunks c where c.document_id = d.id),
           d.revoked_at is not null),
         sync.hash64(concat_ws(E'\x1f', sync.given(d.file_url), sync.given(d.text),
           d.revoked_at is not null))) as canonical
from public.documents d where d.origin = 'core'
$$;

create function sync.projected_table(p_projection text) returns regclass
language sql stable set search_path = '' as $$
  select case p_projection
    when 'auth_users' then 'auth.users'::regclass
    when 'documents' then 'public.documents'
    when 'prescriptions' then 'public.documents'
  end
$$;

-- Some blocks of a projection's table, digested: {end, buckets, rows, xors}, the latter three in
-- parallel; `end` is the table's size in blocks. The groups are hashed: the planner takes a key to
-- have a bucket of its own and would sort all rows instead.
create function sync.digest_page(p_projection text, p_block bigint, p_blocks bigint)
returns json language plpgsql stable
set search_path = '' set work_mem = '32MB' set enable_sort = off as $$
declare
  answer json;
begin
  execute format(
    'with digested as ('
    '  select sync.bucket(key) as bucket, count(*) as rows, bit_xor(sync.hash64(canonical)) as x'
    '  from sync.%I() where at >= $1 and at < $2 group by 1'
    ') select json_build_object('
    '    ''end'', pg_relation_size($3) / current_setting(''block_size'')::integer,'
    '    ''buckets'', coalesce(array_agg(bucket), ''{}''), ''rows'', coalesce(array_agg(rows), ''{}''),'
    '    ''xors'', coalesce(array_agg(x), ''{}'')) from digested',
    'projection_' || p_projection)
  into answer using format('(%s,0)', p_block)::tid, format('(%s,0)', p_block + p_blocks)::tid,
    sync.projected_table(p_projection);
  return answer;
end $$;

-- The rows of some buckets in some blocks: {end, rows: [[entity, key, hash]]}.
create function sync.digest_rows(
  p_projection text, p_block bigint, p_blocks bigint, p_wanted integer[]
) returns json language plpgsql stable set search_path = '' as $$
declare
  answer json;
begin
  execute format(
    'select json_build_object('
    '  ''end'', pg_relation_size($4) / current_setting(''block_size'')::integer,'
    '  ''rows'', coalesce(json_agg(json_build_array(entity, key, sync.hash64(canonical))), ''[]''))'
    ' from sync.%I() where at >= $1 and at < $2 and sync.bucket(key) = any ($3)',
    'projection_' || p_projection)
  into answer using format('(%s,0)', p_block)::tid, format('(%s,0)', p_block + p_blocks)::tid,
    p_wanted, sync.projected_table(p_projection);
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
create function public.digest_page(p_projection text, p_block bigint, p_blocks bigint)
returns json language sql stable security definer set search_path = '' as $$
  select sync.digest_page(p_projection, p_block, p_blocks)
$$;
create function public.digest_rows(
  p_projection text, p_block bigint, p_blocks bigint, p_wanted integer[]
) returns json language sql stable security definer set search_path = '' as $$
  select sync.digest_rows(p_projection, p_block, p_blocks, p_wanted)
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

revoke execute on function public.digest_page(text, bigint, bigint),
  public.digest_rows(text, bigint, bigint, integer[]),
  public.moving_entities(text, text[], double precision), public.deleted_among(text, text[])
  from public, anon, authenticated;
grant execute on function public.digest_page(text, bigint, bigint),
  public.digest_rows(text, bigint, bigint, integer[]),
  public.moving_entities(text, text[], double precision), public.deleted_among(text, text[])
  to service_role;
