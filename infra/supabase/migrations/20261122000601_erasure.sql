-- Erased patients: tombstones like core's (0060_tombstones.sql there), and the erasing. Rows only:
-- files go through Storage's API and the auth user through GoTrue's, which has effects of its own.

create table sync.tombstone_key (secret bytea not null);
insert into sync.tombstone_key
select uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());

create table sync.tombstones (
  alias text primary key,
  buried_at timestamptz not null default now()
);

create function sync.alias(p_kind text, p_key text) returns text
language sql stable security definer set search_path = '' as $$
  select encode(sha256(k.secret || sha256(k.secret || convert_to(p_kind || '/' || p_key, 'UTF8'))),
                'hex')
  from sync.tombstone_key k
$$;

-- Nothing is written of an erased patient any more, whoever writes. PT410: PostgREST answers 410 Gone.
-- Chunks hang on their document.
create function sync.refuse_erased() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if exists (select from sync.tombstones t where t.alias = sync.alias('user', new.patient_id)) then
    raise exception 'the patient was erased' using errcode = 'PT410';
  end if;
  return new;
end $$;
create trigger refuse_erased before insert on public.documents
  for each row execute function sync.refuse_erased();
create trigger refuse_erased_change before update on public.documents
  for each row execute function sync.refuse_erased();

-- Bury a patient and erase the rows: {erased, documents: [ids]}.
create function public.erase_patient(p_uid text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  ids uuid[];
  step integer;
  erased integer;
begin
  insert into sync.tombstones (alias) values (sync.alias('user', p_uid)) on conflict do nothing;
  ids := array(
    select d.id from public.documents d where d.patient_id = p_uid
    union select r.document_id from sync.removed_files r where r.patient_id = p_uid);
  delete from public.rag_chunks c where c.patient_id = p_uid or c.document_id = any (ids);
  get diagnostics erased = row_count;
  delete from public.documents d where d.patient_id = p_uid;
  get diagnostics step = row_count; erased := erased + step;
  delete from sync.removed_files r where r.patient_id = p_uid;
  get diagnostics step = row_count; erased := erased + step;
  delete from sync.outbox o where o.kind = 'document' and o.key = any (ids::text[]);
  return jsonb_build_object('erased', erased, 'documents', to_jsonb(ids));
end $$;

-- GoTrue's audit entries hold e-mail and phone, and outlive the user; its deletion adds one more. They
-- are many, an entry for each change of a mirror, and there is no index nor may be one: the id is first
-- looked for in the text, in an eighth of the time that parsing the JSON takes (0.6 s of a million), for
-- a statement has 8 s here.
create function public.erase_auth_trail(p_user uuid) returns integer
language sql security definer set search_path = '' as $$
  with erased as (
    delete from auth.audit_log_entries a
    where position(p_user::text in a.payload::text) > 0
      and (a.payload ->> 'actor_id' = p_user::text
           or a.payload -> 'traits' ->> 'user_id' = p_user::text)
    returning 1
  )
  select count(*)::integer from erased
$$;

-- How many rows still tell of a patient, the auth user's included.
create function public.patient_remains(p_uid text, p_user uuid) returns integer
language sql stable security definer set search_path = '' as $$
  select (
    (select count(*) from public.documents d where d.patient_id = p_uid)
    + (select count(*) from public.rag_chunks c where c.patient_id = p_uid)
    + (select count(*) from sync.removed_files r where r.patient_id = p_uid)
    + (select count(*) from auth.users u where u.id = p_user)
    + (select count(*) from auth.audit_log_entries a
       where position(p_user::text in a.payload::text) > 0
         and (a.payload ->> 'actor_id' = p_user::text
              or a.payload -> 'traits' ->> 'user_id' = p_user::text))
  )::integer
$$;

revoke execute on function public.erase_patient(text), public.erase_auth_trail(uuid),
  public.patient_remains(text, uuid) from public, anon, authenticated;
grant execute on function public.erase_patient(text), public.erase_auth_trail(uuid),
  public.patient_remains(text, uuid) to service_role;
