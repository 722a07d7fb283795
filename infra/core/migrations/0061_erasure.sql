-- What of an erased patient core keeps, and the erasing.

-- Clinical records that the policy keeps are kept without the person. One row per kind of record; all
-- else is erased. For how long is the operator's to say, for the law of their place: three years is our
-- default and no legal advice (docs/decisions/0131). A shorter interval, or no row, erases sooner.
create table sync.erasure_policy (
  record text primary key check (record in ('visit', 'prescription')),
  keep interval not null,                     -- since the visit began
  basis text not null
);
insert into sync.erasure_policy values
  ('visit', '3 years', 'default, to be confirmed for the place: Limitation Act 1963, suits for'
   ' compensation within three years; Indian Medical Council Regulations 2002, 1.3.1, three years'
   ' from the commencement of treatment, for indoor patients; no central period for outpatients'),
  ('prescription', '3 years', 'the same: a prescription is part of the record of its visit');

-- The visits of a patient that must be kept: those that took place, and those with a prescription.
create function sync.kept_visits(p_patient text) returns table (id text)
language sql stable security definer set search_path = '' as $$
  select a.id from public.appointments a
  where a.patient_id = p_patient and (
    (a.status::text in ('STARTED', 'COMPLETED') and a.start_ts > (now() at time zone 'utc')
      - (select keep from sync.erasure_policy where record = 'visit'))
    or exists (select from public.prescriptions r where r.appointment_id = a.id
               and a.start_ts > (now() at time zone 'utc')
                 - (select keep from sync.erasure_policy where record = 'prescription')))
$$;

-- Empty all columns of a row but its ids, its role and its times: null, or what the column defaults to.
create function sync.blank(p_table regclass, p_id text) returns void
language plpgsql security definer set search_path = '' as $$
declare
  columns text;
begin
  select string_agg(format('%I = default', a.attname), ', ') into columns
  from pg_catalog.pg_attribute a
  where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    and a.attname not in ('id', 'user_id', 'role', 'created_at', 'updated_at');
  execute format('update %s set %s where id = $1', p_table, columns) using p_id;
end $$;

-- Erase one patient in core. Answers {erased, held, originals}: rows that are gone or emptied, clinical
-- records kept, and those of them whose PDF lies in the backend's own S3. Nothing of it is announced:
-- the statement is marked as the sync's own, and the entities are buried.
create function sync.erase_patient(p_erasure text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  personal constant text[] :=
    '{patient,patient_name,patientName,patient_phone,phone,phoneNumber,email,address,dob}';
  whom record;
  kept text[];
  words text[];
  entities jsonb;
  step integer;
  erased integer := 0;
  originals integer;
begin
  select e.uid, coalesce(e.user_id, u.id) as user_id, coalesce(e.patient_id, p.id) as patient_id
  into whom from sync.erasures e
  left join public.users u on u.firebase_uid = e.uid
  left join public.patients p on p.user_id = u.id
  where e.id = p_erasure and e.state = 'ordered';
  if whom.uid is null then
    return '{"erased": 0, "held": 0, "originals": 0}';
  end if;
  select jsonb_agg(jsonb_build_object('kind', n.kind, 'key', n.key)) into entities from (
    select * from sync.patient_entities(whom.uid)
    union select 'appointment', a.id from public.appointments a where a.patient_id = whom.patient_id
    union select 'document', d.id from public.documents d where d.patient_id = whom.patient_id
    union select 'prescription', r.id from public.prescriptions r
          join public.appointments a on a.id = r.appointment_id
          where a.patient_id = whom.patient_id
  ) n;
  erased := erased + sync.bury(p_erasure, entities);
  select count(*) into originals from public.prescriptions r
  join public.appointments a on a.id = r.appointment_id
  where a.patient_id = whom.patient_id and r.pdf_url is not null;
  kept := array(select id from sync.kept_visits(whom.patient_id));
  words := sync.identifiers(whom.user_id);

  delete from sync.medication_readings r using public.documents d
  where d.id = r.document_id and d.patient_id = whom.patient_id;
  get diagnostics step = row_count; erased := erased + step;
  delete from public.documents d where d.patient_id = whom.patient_id;
  get diagnostics step = row_count; erased := erased + step;
  delete from public.notifications n where n.user_id = whom.user_id;
  get diagnostics step = row_count; erased := erased + step;
  delete from public.appointments a where a.patient_id = whom.patient_id and a.id <> all (kept);
  get diagnostics step = row_count; erased := erased + step;
  delete from public.medications m where m.patient_id = whom.patient_id and m.prescription_id is null;
  get diagnostics step = row_count; erased := erased + step;
  delete from sync.profile_readings where uid = whom.uid;
  get diagnostics step = row_count; erased := erased + step;
  delete from sync.told where uid = whom.uid;
  get diagnostics step = row_count; erased := erased + step;
  delete from sync.notifications where uid = whom.uid;
  get diagnostics step = row_count; erased := erased + step;
  delete from sync.pdf_copies where owner = whom.uid;
  get diagnostics step = row_count; erased := erased + step;
  -- An orphan of Firestore goes by its path, and a resync that was stopped by where it is.
  update sync.orphan_removals r set key = p_erasure
  where position('/' || whom.uid || '/' in '/' || r.key || '/') > 0;
  delete from sync.findings f where position('/' || whom.uid || '/' in '/' || f.key || '/') > 0;
  get diagnostics step = row_count; erased := erased + step;
  update sync.resyncs r set after = null
  where position('/' || whom.uid || '/' in '/' || r.after || '/') > 0;
  -- Whose contact this patient held may have it now: the next look at open conflicts tries it.
  update sync.conflicts set looked_at = '-infinity'
  where other = whom.user_id and resolved_at is null;

  if kept = '{}' then
    delete from public.users u where u.id = whom.user_id;
    get diagnostics step = row_count; erased := erased + step;
  else
    perform sync.redact('public.appointments', kept, words);
    update public.appointments set address = null where id = any (kept);
    perform sync.redact('public.prescriptions',
      array(select r.id from public.prescriptions r where r.appointment_id = any (kept)), words);
    update public.prescriptions r set summary_json = case jsonb_typeof(r.summary_json)
        when 'object' then r.summary_json - personal
        else to_jsonb(((r.summary_json #>> '{}')::jsonb - personal)::text) end
    where r.appointment_id = any (kept) and sync.canonical_json(r.summary_json) like '{%';
    if exists (select from public.users u where u.id = whom.user_id and u.firebase_uid is not null) then
      erased := erased + 2;
    end if;
    perform sync.blank('public.users', whom.user_id);
    perform sync.blank('public.patients', whom.patient_id);
  end if;
  delete from sync.outbox o where o.kind in ('user', 'profile') and o.key = whom.uid;
  update sync.outbox o set sent_at = coalesce(o.sent_at, now())
  from jsonb_to_recordset(entities) as n(kind text, key text)
  where o.kind = n.kind and o.key = n.key;
  return jsonb_build_object('erased', erased, 'held', cardinality(kept), 'originals', originals);
end $$;

-- How many rows of core still tell of an ordered erasure's patient.
create function sync.patient_remains(p_erasure text) returns integer
language sql stable security definer set search_path = '' as $$
  select (
    (select count(*) from public.users u where u.firebase_uid = e.uid
       or (u.id = e.user_id and coalesce(u.phone, u.email) is not null))
    + (select count(*) from public.patients p where p.id = e.patient_id
         and coalesce(p.name, p.emergency_contact, p.allergies, p.chronic_conditions) is not null)
    + (select count(*) from public.documents d where d.patient_id = e.patient_id)
    + (select count(*) from public.notifications n where n.user_id = e.user_id)
    + (select count(*) from public.medications m
       where m.patient_id = e.patient_id and m.prescription_id is null)
    + (select count(*) from sync.profile_readings r where r.uid = e.uid)
    + (select count(*) from sync.told t where t.uid = e.uid)
    + (select count(*) from sync.notifications n where n.uid = e.uid)
    + (select count(*) from sync.pdf_copies c where c.owner = e.uid)
    + (select count(*) from sync.ledger l where l.kind in ('user', 'profile') and l.key = e.uid)
    + (select count(*) from sync.journal j where j.kind in ('user', 'profile') and j.key = e.uid)
    + (select count(*) from sync.outbox o where o.kind in ('user', 'profile') and o.key = e.uid)
    + (select count(*) from sync.conflicts c where c.kind = 'user' and c.key = e.uid)
    + (select count(*) from sync.findings f
       where position('/' || e.uid || '/' in '/' || f.key || '/') > 0)
  )::integer
  from sync.erasures e where e.id = p_erasure
$$;

-- Note what became of erasures in stores: [{erasure, store, state, erased, held, code}]. Counts add up
-- over repeated runs; `state` is given where the counts do not tell it: failed, or held by time.
create function sync.note_receipts(p_receipts jsonb) returns integer
language sql security definer set search_path = '' as $$
  with given as (
    select g.erasure, jsonb_object_agg(g.store, jsonb_strip_nulls(jsonb_build_object(
        'erased', n.erased, 'held', nullif(n.held, 0), 'code', coalesce(g.code, n.why),
        'state', case when g.state is not null then g.state when n.held > 0 then 'held'
                      when n.erased > 0 then 'erased' else 'none' end))) as receipts
    from jsonb_to_recordset(p_receipts)
      as g(erasure text, store text, state text, erased integer, held integer, code text)
    join sync.erasures e on e.id = g.erasure
    cross join lateral (
      select coalesce((e.receipts -> g.store ->> 'erased')::integer, 0) + g.erased as erased,
             greatest((e.receipts -> g.store ->> 'held')::integer, g.held) as held,
             case when e.receipts -> g.store ->> 'state' = 'held' and g.state is null
                    and (e.receipts -> g.store -> 'held') is not null
                  then e.receipts -> g.store ->> 'code' end as why) n
    group by g.erasure
  ), noted as (
    update sync.erasures e set receipts = e.receipts || g.receipts
    from given g where g.erasure = e.id returning 1
  )
  select count(*)::integer from noted
$$;

-- End a round: certified when nothing was found, else the chain runs once more. The uid goes with the
-- certificate; until the last look, in p_again_s seconds, it stays sealed.
create function sync.end_round(
  p_erasure text, p_found integer, p_sealed text, p_again_s double precision
) returns text
language plpgsql security definer set search_path = '' as $$
declare
  became text;
begin
  if p_found > 0 then
    perform set_config('sync.origin', '', true);
    update sync.erasures e set round = e.round + 1, certified_at = null
    where e.id = p_erasure and e.state = 'ordered' returning e.state into became;
    return became;
  end if;
  update sync.erasures e set
    state = 'certified', uid = null, visits = '{}', certified_at = now(),
    sealed = case when not e.last_look then p_sealed end,
    look_again_at = case when not e.last_look then now() + make_interval(secs => p_again_s) end
  where e.id = p_erasure and e.state = 'ordered' returning e.state into became;
  return became;
end $$;

-- Certified erasures whose last look is due.
create function sync.due_looks(p_limit integer) returns table (erasure text, sealed text)
language sql stable security definer set search_path = '' as $$
  select e.id, e.sealed from sync.erasures e
  where e.state = 'certified' and e.sealed is not null and e.look_again_at <= now()
  order by e.look_again_at limit p_limit
$$;
create index erasures_to_look_into on sync.erasures (look_again_at) where sealed is not null;

-- Have a certified erasure run for the last time. Answers whether it does: not for another's uid, and not
-- yet under legal hold.
create function sync.look_again(p_erasure text, p_uid text) returns boolean
language plpgsql security definer set search_path = '' as $$
begin
  perform set_config('sync.origin', '', true);
  update sync.erasures e set uid = p_uid, state = 'ordered', round = 1, certified_at = null,
    sealed = null, look_again_at = null, last_look = true
  where e.id = p_erasure and e.id = sync.alias('user', p_uid) and e.state = 'certified'
    and e.sealed is not null and not exists (select from sync.legal_holds h where h.uid = p_uid);
  return found;
end $$;
