-- Attach the outbox to the backend's tables, and make sure of the unique keys our upserts need.
-- Nothing else of the backend's is touched.

do $$
begin
  if not exists (
    select from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = 'public.users'::regclass and i.indisunique and i.indnatts = 1
      and a.attname = 'firebase_uid'
  ) then
    create unique index users_firebase_uid_sync on public.users (firebase_uid);
  end if;
  if not exists (
    select from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = 'public.patients'::regclass and i.indisunique and i.indnatts = 1
      and a.attname = 'user_id'
  ) then
    create unique index patients_user_id_sync on public.patients (user_id);
  end if;
end $$;

-- Contacts are compared in normal form: e-mail case-folded, phone as digits only.
create index users_email_normal_sync on public.users (lower(email));
create index users_phone_normal_sync on public.users (regexp_replace(phone, '\D', '', 'g'));

do $$
declare
  watched record;
begin
  for watched in
    select * from (values
      ('users', 'user', 'firebase_uid'),
      ('prescriptions', 'prescription', 'id'),
      ('appointments', 'appointment', 'id')
    ) w(tab, kind, key)
  loop
    execute format('create trigger sync_inserted after insert on public.%I referencing new table as'
      ' changed for each statement execute function sync.capture(%L, %L)',
      watched.tab, watched.kind, watched.key);
    execute format('create trigger sync_updated after update on public.%I referencing old table as'
      ' before new table as changed for each statement execute function sync.capture_update(%L, %L)',
      watched.tab, watched.kind, watched.key);
    execute format('create trigger sync_deleted after delete on public.%I referencing old table as'
      ' changed for each statement execute function sync.capture(%L, %L)',
      watched.tab, watched.kind, watched.key);
  end loop;
end $$;
