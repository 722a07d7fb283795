-- Erased patients stay erased: what belonged to them is known again by a keyed hash, an alias, which
-- tells nothing to whoever does not have the key. The key lies beside the hashes on purpose: only this
-- database recognises them, and a key kept elsewhere and lost would let everybody come back.

create table sync.tombstone_key (secret bytea not null);
insert into sync.tombstone_key
select uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());

create function sync.alias(p_kind text, p_key text) returns text
language sql stable security definer set search_path = '' as $$
  select encode(sha256(k.secret || sha256(k.secret || convert_to(p_kind || '/' || p_key, 'UTF8'))),
                'hex')
  from sync.tombstone_key k
$$;

-- One row per erased patient, under the alias of the uid. The uid itself is there only while the
-- erasure runs; between the certificate and the last look it is there sealed, and the key is not in
-- this database. The ids of core stay: they lead to what the policy keeps.
create table sync.erasures (
  id text primary key,
  uid text,
  user_id text,
  patient_id text,
  operator text,                              -- who ordered it; null: the account was deleted
  state text not null check (state in ('ordered', 'held', 'certified')),
  round integer not null default 1,
  receipts jsonb not null default '{}',       -- {store: {state, erased, held, code}}: counts, no content
  ordered_at timestamptz not null default now(),
  buried_at timestamptz not null default now(), -- the last of what is theirs: a step may run from before
  visits text[] not null default '{}',        -- buried and maybe shown, until certified: their rows may go
  certified_at timestamptz,
  sealed text,
  look_again_at timestamptz,                  -- when no message of before can be left in any queue
  last_look boolean not null default false    -- this is that look: none comes after it
);
-- Announced like the backend's entities: an order is an outbox row of its own transaction.
create trigger sync_inserted after insert on sync.erasures referencing new table as changed
  for each statement execute function sync.capture('erasure', 'id');
create trigger sync_updated after update on sync.erasures
  referencing old table as before new table as changed
  for each statement execute function sync.capture_update('erasure', 'id');

create table sync.tombstones (
  alias text primary key,
  erasure text not null references sync.erasures(id),
  buried_at timestamptz not null default now()
);

-- A patient under legal hold is not erased; an order is noted as held, and one that is being carried out
-- stops where it is. Released, it is for a person to order it again.
create table sync.legal_holds (
  uid text primary key,
  reason text not null,
  operator text not null,
  placed_at timestamptz not null default now()
);

create function sync.hold_erasure() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  update sync.erasures e set
    state = 'held', receipts = e.receipts || '{"all": {"state": "held", "code": "legal_hold"}}'
  where e.id = sync.alias('user', new.uid) and e.state = 'ordered';
  return null;
end $$;
create trigger hold_erasure after insert or update on sync.legal_holds
  for each row execute function sync.hold_erasure();

-- Which of these entities are buried, and by which erasure: [{kind, key}].
create function sync.buried(p_refs jsonb) returns table (kind text, key text, erasure text)
language sql stable security definer set search_path = '' as $$
  select r.kind, r.key, t.erasure
  from jsonb_to_recordset(p_refs) as r(kind text, key text)
  join sync.tombstones t on t.alias = sync.alias(r.kind, r.key)
$$;

-- Bury entities: [{kind, key}]. What the ledger, findings and conflicts know of them goes; the journal
-- keeps what happened, under the alias.
create function sync.bury(p_erasure text, p_refs jsonb) returns integer
language plpgsql security definer set search_path = '' as $$
declare
  known integer;
  forgotten integer := 0;
begin
  insert into sync.tombstones (alias, erasure)
  select distinct sync.alias(r.kind, r.key), p_erasure
  from jsonb_to_recordset(p_refs) as r(kind text, key text)
  on conflict do nothing;
  get diagnostics known = row_count;
  update sync.erasures e set
    buried_at = case when known > 0 then clock_timestamp() else e.buried_at end,
    visits = array(
      select unnest(e.visits)
      union select r.key from jsonb_to_recordset(p_refs) as r(kind text, key text)
            where r.kind = 'appointment'
      order by 1)
  where e.id = p_erasure;
  delete from sync.ledger l using jsonb_to_recordset(p_refs) as r(kind text, key text)
  where l.kind = r.kind and l.key = r.key;
  get diagnostics known = row_count;
  forgotten := forgotten + known;
  delete from sync.findings f using jsonb_to_recordset(p_refs) as r(kind text, key text)
  where f.kind = r.kind and f.key = r.key;
  get diagnostics known = row_count;
  forgotten := forgotten + known;
  delete from sync.conflicts c using jsonb_to_recordset(p_refs) as r(kind text, key text)
  where c.kind = r.kind and c.key = r.key;
  get diagnostics known = row_count;
  forgotten := forgotten + known;
  delete from sync.awaited a using jsonb_to_recordset(p_refs) as r(kind text, key text)
  where a.kind = r.kind and a.key = r.key;
  update sync.journal j set key = sync.alias(r.kind, r.key)
  from jsonb_to_recordset(p_refs) as r(kind text, key text)
  where j.kind = r.kind and j.key = r.key;
  get diagnostics known = row_count;
  return forgotten + known;
end $$;

-- Order the erasure of one patient: buried and announced in one transaction. Answers the erasure and
-- its state; `refused` for an account that core knows as something else than a patient's, or that was a
-- doctor's: what a doctor wrote belongs to the patients.
create function sync.order_erasure(p_uid text, p_operator text)
returns table (erasure text, state text)
language plpgsql security definer set search_path = '' as $$
declare
  account record;
  held boolean := exists (select from sync.legal_holds h where h.uid = p_uid);
begin
  perform pg_advisory_xact_lock(hashtextextended('user/' || p_uid, 0));
  select u.id, u.role::text as role, p.id as patient into account
  from public.users u left join public.patients p on p.user_id = u.id
  where u.firebase_uid = p_uid;
  if account.role <> 'PATIENT'
     or exists (select from public.doctors d where d.user_id = account.id) then
    return query select null::text, 'refused';
    return;
  end if;
  perform set_config('sync.origin', '', true);
  insert into sync.erasures as e (id, uid, user_id, patient_id, operator, state, receipts)
  values (sync.alias('user', p_uid), p_uid, account.id, account.patient, p_operator,
          case when held then 'held' else 'ordered' end,
          case when held then '{"all": {"state": "held", "code": "legal_hold"}}'::jsonb else '{}' end)
  on conflict (id) do update set
    uid = excluded.uid, user_id = coalesce(excluded.user_id, e.user_id),
    patient_id = coalesce(excluded.patient_id, e.patient_id),
    operator = coalesce(excluded.operator, e.operator), state = excluded.state,
    round = 1,
    receipts = e.receipts - 'all' || excluded.receipts,
    ordered_at = excluded.ordered_at, certified_at = null, sealed = null, look_again_at = null, last_look = false
    where e.state <> 'ordered';
  if not held then
    perform sync.bury(sync.alias('user', p_uid), (
      select jsonb_agg(jsonb_build_object('kind', n.kind, 'key', n.key))
      from sync.patient_entities(p_uid) n));
  end if;
  return query select e.id, e.state from sync.erasures e where e.id = sync.alias('user', p_uid);
end $$;

-- An event of an erased patient was refused: something may have been written late. Look once more.
create function sync.reopen_erasures(p_uids text[]) returns integer
language plpgsql security definer set search_path = '' as $$
declare
  reopened integer;
begin
  perform set_config('sync.origin', '', true);
  update sync.erasures e set uid = w.uid, state = 'ordered', round = 1, certified_at = null,
    sealed = null, look_again_at = null, last_look = false
  from (select distinct unnest(p_uids) as uid) w
  where e.id = sync.alias('user', w.uid) and e.state = 'certified'
    and not exists (select from sync.legal_holds h where h.uid = w.uid);
  get diagnostics reopened = row_count;
  return reopened;
end $$;

-- Whoever writes to the journal writes of a buried entity under its alias. A finding or a conflict of
-- it is nothing that a person should look at, and how it stands in a step is nothing to go on with:
-- what is refused or parked in the ledger is sent to its step again, whatever its key.
create function sync.alias_buried() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  hashed constant text := sync.alias(new.kind, new.key);
begin
  if exists (select from sync.tombstones t where t.alias = hashed) then
    new.key := hashed;
  end if;
  return new;
end $$;
create trigger alias_buried before insert on sync.journal
  for each row execute function sync.alias_buried();

create function sync.pass_over_buried() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if exists (select from sync.tombstones t where t.alias = sync.alias(new.kind, new.key)) then
    return null;
  end if;
  return new;
end $$;
create trigger pass_over_buried before insert on sync.ledger
  for each row execute function sync.pass_over_buried();
create trigger pass_over_buried before insert on sync.findings
  for each row execute function sync.pass_over_buried();
create trigger pass_over_buried before insert on sync.conflicts
  for each row execute function sync.pass_over_buried();

-- Nobody brings an erased account back into core, the backend neither. PT410 is what PostgREST
-- answers as 410 Gone; Supabase's database refuses with the same.
create function sync.refuse_erased() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if exists (select from sync.tombstones t where t.alias = sync.alias('user', new.firebase_uid)) then
    raise exception 'the patient was erased' using errcode = 'PT410';
  end if;
  return new;
end $$;
create trigger sync_refuse_erased before insert on public.users
  for each row when (new.firebase_uid is not null) execute function sync.refuse_erased();
create trigger sync_refuse_erased_change before update of firebase_uid on public.users
  for each row when (new.firebase_uid is distinct from old.firebase_uid
                     and new.firebase_uid is not null)
  execute function sync.refuse_erased();
