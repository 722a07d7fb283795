-- Profiles: how each was read, what a doctor's account may replace, and names in the outbox.

-- How a patient's profile was read: what the backend's `patients` has no column for. No content:
-- `held` names the columns whose value is the profile's own (`language` is that of users). A field
-- that leaves the profile clears such a column of `patients`, and leaves alone what the backend has
-- filled in itself.
-- allergies null and not in review_reasons as allergies_missing: the patient stated that there are none.
create table sync.profile_readings (
  uid text primary key,
  version bigint not null,           -- Firestore's update time, in microseconds since 1970
  held text[] not null,
  consent_data_use boolean,          -- as read; null: not stated
  consent_notifications boolean,
  review_reasons text[] not null default '{}'
);
create index profile_readings_review on sync.profile_readings (uid) where review_reasons <> '{}';

do $$
begin
  if not exists (
    select from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = 'public.doctors'::regclass and i.indisunique and i.indnatts = 1
      and a.attname = 'user_id'
  ) then
    create unique index doctors_user_id_sync on public.doctors (user_id);
  end if;
end $$;

-- Whether a patient row is as a sign-up made it: nothing filled in, nothing referring to it from any
-- table. Volatile on purpose: each query sees what was committed before it, so a caller that holds
-- the row's lock gets the truth.
create function sync.patient_is_bare(p_id text) returns boolean
language plpgsql volatile security definer set search_path = '' as $$
declare
  reference record;
  used boolean;
begin
  perform from public.patients p cross join lateral
    jsonb_each(to_jsonb(p) - array['id', 'user_id', 'created_at', 'updated_at']) c
  where p.id = p_id and c.value not in ('null', '""', '[]', '{}');
  if found then
    return false;
  end if;
  for reference in
    select c.conrelid::regclass as tab, a.attname as col from pg_catalog.pg_constraint c
    join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
    where c.contype = 'f' and c.confrelid = 'public.patients'::regclass
  loop
    execute format('select exists (select from %s where %I = $1)', reference.tab, reference.col)
      into used using p_id;
    if used then
      return false;
    end if;
  end loop;
  return true;
end $$;

-- A user's name lies in `patients` or `doctors`, and the user's mirror shows it: a changed name is a
-- change of the user. Marked as in sync.capture: what the sync wrote moves the version only.
create function sync.capture_names() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  ours constant boolean := coalesce(current_setting('sync.origin', true), '') = 'sync';
  renamed text[];
begin
  if tg_op = 'UPDATE' then
    select array_agg(n.user_id) into renamed from (
      select r ->> 'user_id' as user_id, r ->> 'name', r ->> 'first_name', r ->> 'last_name'
      from (select to_jsonb(c) as r from changed c) c
      except
      select r ->> 'user_id', r ->> 'name', r ->> 'first_name', r ->> 'last_name'
      from (select to_jsonb(b) as r from before b) b
    ) n;
  else
    select array_agg(r ->> 'user_id') into renamed from (select to_jsonb(c) as r from changed c) c
    where coalesce(r ->> 'name', r ->> 'first_name', r ->> 'last_name') is not null;
  end if;
  insert into sync.outbox as o (kind, key, version, sent_at, traceparent)
  select 'user', u.firebase_uid, nextval('sync.version'), case when ours then now() end,
         sync.traceparent()
  from public.users u
  where u.id = any (renamed) and u.firebase_uid is not null order by u.firebase_uid
  on conflict (kind, key) do update set
    version = nextval('sync.version'),
    deleted = false,
    changed_at = case when ours then o.changed_at else excluded.changed_at end,
    sent_at = case when ours then o.sent_at end,
    lease_until = null,
    lease_token = null,
    attempts = 0,
    traceparent = case when ours then o.traceparent else excluded.traceparent end;
  return null;
end $$;

do $$
declare
  named text;
begin
  foreach named in array array['patients', 'doctors'] loop
    execute format('create trigger sync_name_inserted after insert on public.%I referencing new'
      ' table as changed for each statement execute function sync.capture_names()', named);
    execute format('create trigger sync_name_updated after update on public.%I referencing old'
      ' table as before new table as changed for each statement execute function'
      ' sync.capture_names()', named);
    execute format('create trigger sync_name_deleted after delete on public.%I referencing old'
      ' table as changed for each statement execute function sync.capture_names()', named);
  end loop;
end $$;
