-- Attach the outbox to the backend's tables, and make sure of the unique keys our upserts need and of
-- the indexes our look-ups do. Nothing else of the backend's is touched.

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
create index if not exists users_email_normal_sync on public.users (lower(email));
create index if not exists users_phone_normal_sync
  on public.users (regexp_replace(phone, '\D', '', 'g'));

-- What hangs on a document and on a patient is looked up and erased by its reference, and the cascades
-- of an erasure look there too. Prisma makes no index for a relation: without one, every document that
-- is stored would read all medications. Any index that begins with the column does.
do $$
declare
  reference record;
begin
  for reference in
    select * from (values
      ('appointments', 'patient_id'), ('documents', 'patient_id'), ('medications', 'patient_id'),
      ('medications', 'document_id'), ('medications', 'prescription_id'),
      ('notifications', 'user_id'), ('notifications', 'appointment_id')
    ) r(tab, col)
    where not exists (
      select from pg_index i
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
      where i.indrelid = format('public.%I', r.tab)::regclass and a.attname = r.col
        and i.indisvalid and i.indpred is null)
  loop
    execute format('create index %I on public.%I (%I)',
      format('%s_%s_sync', reference.tab, reference.col), reference.tab, reference.col);
  end loop;
end $$;

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
