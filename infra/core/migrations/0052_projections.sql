-- Projections: what must agree between the stores, each row in a canonical text that both sides
-- write alike, and its digests. A projection is a function sync.projection_NAME() of the columns
--   at         where the row lies, by which it is paged: a table's blocks are read in their order
--   entity     the entity's key in events
--   key        what both sides call it
--   canonical  all that must agree: the key and fields, parted by E'\x1f', with E'\x1e' for null
-- The other side of each is in Supabase's migrations, of `users` in shared/repair/projections.py. Buckets
-- are told by a hash of the key, so that both sides sort a row into the same one.
--
-- A row that is moved by an update while pages are read may be seen twice or not at all. Digests only
-- say where to look; shared/repair/digests.py believes a reading of rows when it agrees with them.
--
-- Functions and no views: a view holds fast the columns that it reads, and the next migration of the
-- tables' owner (an enum made anew by Prisma, GoTrue's own of auth.users) would fail on it. They are
-- inlined where they are called, like a view, for as long as they set nothing and are stable.

-- The first 64 bits of an MD5, against accidents and not against attackers: that a differing bucket
-- looks alike has a chance of 1 in 2^64. Python and every PostgreSQL have it. These functions have no
-- `set search_path`, and call nothing less than immutable: either would keep them from being inlined.
create function sync.hash64(p text) returns bigint
language sql immutable strict parallel safe as $$
  select ('x' || pg_catalog.md5(p))::bit(64)::bigint
$$;

-- One of 65,536, told by the key alone, so that both sides sort a row into the same one.
create function sync.bucket(p_key text) returns integer
language sql immutable strict parallel safe as $$
  select ('x' || pg_catalog.md5(p_key))::bit(16)::integer
$$;

-- A field that may be missing: concat_ws would pass over a null.
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

-- Contacts as shared/people/contacts.py writes them.
create function sync.normal_email(p text) returns text language sql immutable parallel safe as $$
  select nullif(pg_catalog.lower(pg_catalog.btrim(p)), '')
$$;
create function sync.normal_phone(p text) returns text language sql immutable parallel safe as $$
  -- '^\+[1-9][0-9]{6,14}$' without a regular expression
  select case when pg_catalog.length(p) between 8 and 16
    and pg_catalog.substr(p, 1, 1) = '+' and pg_catalog.substr(p, 2, 1) <> '0'
    and pg_catalog.ltrim(pg_catalog.substr(p, 2), '0123456789') = '' then p end
$$;

-- Core users against Firebase accounts: [uid, e-mail, phone, verified, admitted, has a patient row].
create function sync.projection_users()
returns table (at tid, entity text, key text, canonical text) language sql stable as $$
select u.ctid as at, u.firebase_uid as entity, u.firebase_uid as key,
       concat_ws(E'\x1f', u.firebase_uid, sync.given(nullif(u.email, '')),
         sync.given(nullif(u.phone, '')), u.verified, true, u.role::text <> 'PATIENT'
           or exists (select from public.patients p where p.user_id = u.id)) as canonical
from public.users u where u.firebase_uid is not null
$$;

-- The name a user's mirror shows: the patient's own, else the doctor's.
create function sync.person_name(patient text, doctor_first text, doctor_last text)
returns text language sql immutable parallel safe as $$
  -- No concat_ws, nor `set search_path`: either keeps it from being inlined into the scans.
  select coalesce(patient, case when doctor_first is null then nullif(doctor_last, '')
    else nullif(doctor_first || coalesce(' ' || nullif(doctor_last, ''), ''), '') end)
$$;

-- Core users against Supabase auth users; one without contact cannot be mirrored.
create function sync.projection_auth_users()
returns table (at tid, entity text, key text, canonical text) language sql stable as $$
select u.ctid as at, u.firebase_uid as entity, u.firebase_uid as key,
       concat_ws(E'\x1f', u.firebase_uid, u.id, u.role, sync.given(sync.normal_email(u.email)),
         sync.given(substr(sync.normal_phone(u.phone), 2)), u.firebase_uid, u.id, u.role,
         sync.given(sync.person_name(p.name, d.first_name, d.last_name))) as canonical
from public.users u
left join public.patients p on p.user_id = u.id
left join public.doctors d on d.user_id = u.id
where u.firebase_uid is not null
  and (btrim(u.email) <> '' or sync.normal_phone(u.phone) is not null)
$$;

-- What a medication says: all but what is the patient's own, its start and its reminders.
create function sync.medication_digest(p jsonb) returns bigint
language sql immutable strict parallel safe as $$
  select sync.hash64(jsonb_build_array(p -> 'name', p -> 'strength', p -> 'form', p -> 'frequency',
    p -> 'route', p -> 'duration_days')::text)
$$;

-- Core documents against uploads: their content, the version that was stored, and whether the
-- medications are those that were read then, word for word.
create function sync.projection_documents()
returns table (at tid, entity text, key text, canonical text) language sql stable as $$
select d.ctid as at, d.id as entity, d.id as key,
       concat_ws(E'\x1f', d.id, sync.given(u.firebase_uid), d.type, sync.given(d.file_url),
         sync.given(d.text), sync.given(sync.canonical_json(d.structured_json)),
         sync.given(d.ocr_confidence::text), to_char(d.created_at, 'YYYY-MM-DD HH24:MI:SS.MS'),
         coalesce(l.source_version, 0),
         array(select row (m.id, sync.medication_digest(to_jsonb(m)), m.patient_id = d.patient_id)::text
               from public.medications m where m.document_id = d.id order by m.id)
           = array(select row (r.medication_id, r.digest, true)::text
                   from sync.medication_readings r
                   where r.document_id = d.id order by r.medication_id)) as canonical
from public.documents d
left join public.patients p on p.id = d.patient_id
left join public.users u on u.id = p.user_id
left join sync.ledger l on l.kind = 'document' and l.key = d.id and l.step = 'store_document'
$$;

-- Core prescriptions against their mirrors. A mirror's id is derived with a secret that SQL does not
-- have; but it carries the version of core that it shows, which one sequence gives and cannot tie.
-- Its text and file are made in Python: the step that writes them notes their digest.
create function sync.projection_prescriptions()
returns table (at tid, entity text, key text, canonical text) language sql stable as $$
select r.ctid as at, r.id as entity, coalesce(o.version, 0)::text as key,
       concat_ws(E'\x1f', coalesce(o.version, 0), u.firebase_uid,
         coalesce(sync.canonical_json(r.summary_json), '{}'), true,
         sync.given(l.digest::text)) as canonical
from public.prescriptions r
join public.appointments a on a.id = r.appointment_id
join public.patients p on p.id = a.patient_id
join public.users u on u.id = p.user_id
left join sync.outbox o on o.kind = 'prescription' and o.key = r.id
left join sync.ledger l
  on l.kind = 'prescription' and l.key = r.id and l.step = 'mirror_prescription'
where u.firebase_uid is not null
$$;

-- The table in whose blocks a projection's rows lie.
create function sync.projected_table(p_projection text) returns regclass
language sql stable set search_path = '' as $$
  select case p_projection
    when 'users' then 'public.users'::regclass
    when 'auth_users' then 'public.users'
    when 'documents' then 'public.documents'
    when 'prescriptions' then 'public.prescriptions'
    when 'appointments' then 'public.appointments'
    when 'profiles' then 'sync.profile_readings'
    when 'doctors' then 'public.doctors'
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
