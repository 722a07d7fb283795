-- Documents: uploads with their OCR, written by the edge function, and mirrors of core's
-- prescriptions, written by the sync (origin 'core'). Owned by a Firebase uid, which is no UUID:
-- hence text, and no foreign key to auth.users.

create table if not exists public.documents (
  id uuid primary key default gen_random_uuid(),
  patient_id text not null,
  type text,
  file_url text,
  text text,
  structured_json jsonb,
  ocr_confidence double precision,
  created_at timestamptz not null default now()
);
alter table public.documents
  add column if not exists updated_at timestamptz not null default now(),
  add column if not exists origin text not null default 'upload'
    constraint documents_origin check (origin in ('upload', 'core')),
  add column if not exists version bigint,
  add column if not exists source_version bigint,
  add column if not exists revoked_at timestamptz;  -- a prescription that its doctor took back
-- Drawn by a trigger and not by a default: a default needs rights on the sequence of whoever inserts.
update public.documents set version = nextval('sync.version') where version is null;
alter table public.documents alter column version set not null;
create index if not exists documents_patient on public.documents (patient_id, created_at);

-- A document's version is drawn under its row lock from one sequence: it cannot tie.
create function sync.stamp_document() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  new.version := nextval('sync.version');
  new.updated_at := now();
  return new;
end $$;
create trigger stamp before insert on public.documents
  for each row execute function sync.stamp_document();
create trigger stamp_changed before update on public.documents
  for each row when (old.* is distinct from new.*) execute function sync.stamp_document();

-- Note changed uploads in the outbox. Mirrors of core are passed over: no echo.
create function sync.capture_documents() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  cause constant text := sync.traceparent();
begin
  insert into sync.outbox as o (kind, key, version, deleted, traceparent)
  select 'document', c.id::text,
         case tg_op when 'DELETE' then nextval('sync.version') else c.version end, tg_op = 'DELETE',
         cause
  from changed c where c.origin = 'upload' order by c.id
  on conflict (kind, key) do update set
    version = excluded.version,
    deleted = excluded.deleted,
    changed_at = excluded.changed_at,
    sent_at = null,
    lease_until = null,
    lease_token = null,
    attempts = 0,
    traceparent = excluded.traceparent
    where excluded.version > o.version;
  return null;
end $$;
create trigger capture_inserted after insert on public.documents
  referencing new table as changed for each statement execute function sync.capture_documents();
create trigger capture_updated after update on public.documents
  referencing new table as changed for each statement execute function sync.capture_documents();
create trigger capture_deleted after delete on public.documents
  referencing old table as changed for each statement execute function sync.capture_documents();

alter table public.documents enable row level security;
create policy documents_own on public.documents for select to authenticated
  using (patient_id = (select sync.patient_of_token()) and revoked_at is null);
