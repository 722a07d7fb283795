-- Projections: what must agree between the stores, each row in a canonical text that both sides
-- write alike, and its digests. A projection is a view sync.projection_NAME with the columns
--   at         the source's own key, by which it is paged; rows of one key are never parted
--   entity     the entity's key in events
--   key        what both sides call it
--   canonical  all that must agree, as the text of a JSON array that begins with the key
-- The other side of each is in Supabase's migrations, of `users` in shared/projections.py. Buckets
-- are told by a hash of the key, so that both sides sort a row into the same one.

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

-- Contacts as shared/contacts.py writes them.
create function sync.normal_email(p text) returns text language sql immutable parallel safe as $$
  select nullif(pg_catalog.lower(pg_catalog.btrim(p)), '')
$$;
create function sync.normal_phone(p text) returns text language sql immutable parallel safe as $$
  -- '^\+[1-9][0-9]{6,14}$' without a regular expression, which takes most of a row's comparison
  select case when pg_catalog.length(p) between 8 and 16
    and pg_catalog.substr(p, 1, 1) = '+' and pg_catalog.substr(p, 2, 1) <> '0'
    and pg_catalog.translate(pg_catalog.substr(p, 2), '0123456789', '') = '' then p end
$$;

-- Core users against Firebase accounts: [uid, e-mail, phone, verified, admitted, has a patient row].
create view sync.projection_users as
select u.firebase_uid as at, u.firebase_uid as entity, u.firebase_uid as key,
       jsonb_build_array(u.firebase_uid, nullif(u.email, ''), nullif(u.phone, ''), u.verified, true,
         u.role::text <> 'PATIENT' or exists (select from public.patients p where p.user_id = u.id)
       )::text as canonical
from public.users u where u.firebase_uid is not null;

-- The name a user's mirror shows: the patient's own, else the doctor's.
create function sync.person_name(patient text, doctor_first text, doctor_last text)
returns text language sql immutable parallel safe as $$
  -- No concat_ws, nor `set search_path`: either keeps it from being inlined into the scans.
  select coalesce(patient, case when doctor_first is null then nullif(doctor_last, '')
    else nullif(doctor_first || coalesce(' ' || nullif(doctor_last, ''), ''), '') end)
$$;

-- Core users against Supabase auth users; one without contact cannot be mirrored.
create view sync.projection_auth_users as
select u.firebase_uid as at, u.firebase_uid as entity, u.firebase_uid as key,
       jsonb_build_array(u.firebase_uid, u.id, u.role::text, sync.normal_email(u.email),
         ltrim(sync.normal_phone(u.phone), '+'), u.firebase_uid, u.id, u.role::text,
         sync.person_name(p.name, d.first_name, d.last_name)
       )::text as canonical
from public.users u
left join public.patients p on p.user_id = u.id
left join public.doctors d on d.user_id = u.id
where u.firebase_uid is not null
  and (sync.normal_email(u.email) is not null or sync.normal_phone(u.phone) is not null);

-- What a medication says: all but what is the patient's own, its start and its reminders.
create function sync.medication_digest(p jsonb) returns bigint
language sql immutable strict parallel safe as $$
  select sync.hash64(jsonb_build_array(p -> 'name', p -> 'strength', p -> 'form', p -> 'frequency',
    p -> 'route', p -> 'duration_days')::text)
$$;

-- Core documents against uploads: their content, the version that was stored, and whether the
-- medications are those that were read then, word for word.
create view sync.projection_documents as
select d.id as at, d.id as entity, d.id as key,
       jsonb_build_array(d.id, u.firebase_uid, d.type::text, d.file_url, d.text,
         sync.canonical_json(d.structured_json), d.ocr_confidence,
         to_char(d.created_at, 'YYYY-MM-DD HH24:MI:SS.MS'), coalesce(l.source_version, 0),
         array(select row (m.id, sync.medication_digest(to_jsonb(m)), m.patient_id = d.patient_id)::text
               from public.medications m where m.document_id = d.id order by m.id)
           = array(select row (r.medication_id, r.digest, true)::text
                   from sync.medication_readings r
                   where r.document_id = d.id order by r.medication_id)
       )::text as canonical
from public.documents d
left join public.patients p on p.id = d.patient_id
left join public.users u on u.id = p.user_id
left join sync.ledger l on l.kind = 'document' and l.key = d.id and l.step = 'store_document';

-- Core prescriptions against their mirrors. A mirror's id is derived with a secret that SQL does not
-- have; but it carries the version of core that it shows, which one sequence gives and cannot tie.
-- Its text and file are made in Python: the step that writes them notes their digest.
create view sync.projection_prescriptions as
select r.id as at, r.id as entity, coalesce(o.version, 0)::text as key,
       jsonb_build_array(coalesce(o.version, 0)::text, u.firebase_uid,
         coalesce(sync.canonical_json(r.summary_json), '{}'), true, l.digest)::text as canonical
from public.prescriptions r
join public.appointments a on a.id = r.appointment_id
join public.patients p on p.id = a.patient_id
join public.users u on u.id = p.user_id
left join sync.outbox o on o.kind = 'prescription' and o.key = r.id
left join sync.ledger l
  on l.kind = 'prescription' and l.key = r.id and l.step = 'mirror_prescription'
where u.firebase_uid is not null;

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
