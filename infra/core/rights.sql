-- Who may do what in core: all of it, on one page. infra/migrate.py applies this file after the
-- migrations, every time, so that a right which is not written here is gone after the next run. A new
-- table or function needs its lines here and in tests/contract/rights/core.txt, nothing else.
--
-- One role per duty; shared/catalog.json says which function acts as which (`core_role`). The roles
-- can log in once `python -m infra.logins` has given them a password.

do $$
declare
  duty text;
  thing record;
begin
  foreach duty in array array[
    'healbridge_people',    -- stores users, profiles and doctors
    'healbridge_papers',    -- stores documents, copies and mirrors prescriptions
    'healbridge_notices',   -- shows appointments, notifies patients
    'healbridge_relay',     -- announces what the outbox holds
    'healbridge_repair',    -- reconciles, replays, runs the canary, parks dead letters
    'healbridge_erasure',   -- erases a person
    'healbridge_status',    -- reads the standing of the sync
    'healbridge_operator'   -- a person: decides conflicts, removes orphans, repairs
  ] loop
    if not exists (select from pg_roles where rolname = duty) then
      execute format('create role %I nologin', duty);
    end if;
    execute format('revoke all on schema public from %I', duty);
    -- Of the backend's tables only those that are ours to grant.
    for thing in
      select c.oid::regclass as name from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and pg_has_role(c.relowner, 'usage')
    loop
      execute format('revoke all on %s from %I', thing.name, duty);
    end loop;
    execute format('revoke all on schema sync from %I', duty);
    execute format('revoke all on all tables in schema sync from %I', duty);
    execute format('revoke all on all sequences in schema sync from %I', duty);
    execute format('revoke all on all functions in schema sync from %I', duty);
    execute format('grant usage on schema public, sync to %I', duty);
  end loop;
end $$;

-- Nothing for everybody. PostgreSQL itself lets everybody execute every new function.
revoke create on schema public from public;
revoke all on schema sync, healbridge_migrations from public;
revoke all on all tables in schema sync, healbridge_migrations from public;
revoke all on all sequences in schema sync from public;
revoke all on all functions in schema sync from public;

-- These act with the owner's rights, so their callers need none of their own on what they touch: a
-- step cannot write the ledger or the journal but through `record`.
do $$
declare
  called record;
begin
  for called in
    select p.oid::regprocedure as name from pg_proc p
    where p.pronamespace = 'sync'::regnamespace and p.proname = any (array[
      'announce_again', 'announce_page', 'claim_conflicts', 'claim_outbox', 'claim_overdue',
      'claim_replays', 'deleted_page', 'digest_page', 'digest_rows', 'measure', 'moving_entities',
      'note_announced', 'patient_entities', 'purge_history', 'purge_outbox', 'record',
      'settle_outbox', 'standing', 'touch_canary', 'unlink_notifications'])
  loop
    execute format('alter function %s security definer', called.name);
  end loop;
end $$;

-- Every function records what became of its entities, and asks how they stood.
grant execute on function sync.record to
  healbridge_people, healbridge_papers, healbridge_notices, healbridge_relay, healbridge_repair,
  healbridge_erasure, healbridge_operator;
grant select on sync.ledger, sync.outbox to
  healbridge_people, healbridge_papers, healbridge_notices, healbridge_repair, healbridge_erasure,
  healbridge_operator;

-- Every write begins with open_write. No step runs for an erased patient, so every step asks first.
grant execute on function sync.open_write, sync.buried, sync.reopen_erasures to
  healbridge_people, healbridge_papers, healbridge_notices, healbridge_relay, healbridge_repair,
  healbridge_erasure, healbridge_operator;

-- An erasure acts through functions alone; it reads whom and which visits. A hold is a person's.
grant execute on function sync.order_erasure to healbridge_erasure, healbridge_operator;
grant execute on function sync.bury, sync.erase_patient, sync.patient_remains, sync.note_receipts,
  sync.end_round to healbridge_erasure;
grant select on sync.erasures to healbridge_erasure, healbridge_operator, healbridge_status;
grant select (id, firebase_uid) on users to healbridge_erasure;
grant select (id, user_id) on patients to healbridge_erasure;
grant select (id, patient_id) on appointments to healbridge_erasure;
grant usage on sequence sync.version to healbridge_erasure;
grant select, insert, update, delete on sync.legal_holds to healbridge_operator;
grant execute on function sync.alias to healbridge_operator, healbridge_status;
grant select on sync.erasure_policy to healbridge_operator, healbridge_status;

-- A sign-up and its profile. A patient row goes when its account turns out to be a doctor's.
grant select, insert, update on users, doctors to healbridge_people;
grant select, insert, update, delete on patients to healbridge_people;
grant select, insert, update on sync.profile_readings to healbridge_people;
grant execute on function sync.patient_is_bare, sync.person_name to healbridge_people;
grant usage on sequence sync.version to healbridge_people;

-- Papers. A copied PDF moves its prescription's version.
grant select on users, patients, doctors, appointments, prescriptions to healbridge_papers;
grant select, insert, update, delete on documents, medications, sync.medication_readings
  to healbridge_papers;
grant select, insert, update on sync.pdf_copies to healbridge_papers;
grant update (version) on sync.outbox to healbridge_papers;
grant usage on sequence sync.version to healbridge_papers;
grant execute on function sync.store_documents, sync.unlink_notifications, sync.medication_digest,
  sync.hash64 to healbridge_papers;

grant select on users, patients, doctors, appointments, prescriptions, documents
  to healbridge_notices;
grant select, insert, update on notifications, sync.told, sync.notifications to healbridge_notices;
grant execute on function sync.claim_news, sync.news, sync.is_canary, sync.unlink_notifications
  to healbridge_notices;
grant execute on function sync.is_revoked to healbridge_notices, healbridge_papers;

grant execute on function sync.claim_outbox, sync.settle_outbox, sync.purge_outbox,
  sync.note_announced to healbridge_relay;

-- Repair compares by digests and announces; what it finds it cannot change.
grant select, insert, update on sync.reconcile_runs, sync.findings, sync.canary, sync.resyncs
  to healbridge_repair, healbridge_operator;
grant select on sync.conflicts, sync.journal to healbridge_repair, healbridge_operator;
grant select (firebase_uid, role) on users to healbridge_repair;
grant delete on sync.ledger to healbridge_repair, healbridge_operator;
grant execute on function
  sync.announce_again, sync.announce_page, sync.claim_conflicts, sync.claim_outbox,
  sync.claim_replays,
  sync.deleted_page, sync.digest_page, sync.digest_rows, sync.measure,
  sync.moving_entities, sync.patient_entities, sync.settle_outbox, sync.standing
  to healbridge_repair, healbridge_operator;
grant execute on function sync.touch_canary, sync.purge_history, sync.claim_overdue,
  sync.due_looks, sync.look_again to healbridge_repair;

-- A decision may take a contact off an account or make it a doctor's; an orphan goes with all of it.
grant select on users to healbridge_operator;
grant update (email, phone, role) on users to healbridge_operator;
grant update (resolved_at, resolution, decided_by) on sync.conflicts to healbridge_operator;
grant select, delete on documents, medications, sync.medication_readings to healbridge_operator;
grant select on appointments to healbridge_operator;
grant select, insert on sync.orphan_removals to healbridge_operator;
grant usage on sequence sync.version to healbridge_operator;
grant execute on function sync.unlink_notifications to healbridge_operator;
grant execute on function sync.recount to healbridge_operator;

-- The status tells by ids and codes how things stand: of the backend's tables it sees no content, of
-- contacts only for telling whether there are any.
grant select on sync.ledger, sync.journal, sync.outbox, sync.conflicts, sync.awaited, sync.edges,
  sync.tallies, sync.reconcile_runs, sync.findings, sync.canary, sync.resyncs, sync.notifications,
  sync.orphan_removals, sync.pdf_copies, sync.profile_readings
  to healbridge_status, healbridge_operator;
grant select (id, role, firebase_uid, email, phone, verified, created_at) on users
  to healbridge_status;
grant select (id, user_id) on patients, doctors to healbridge_status, healbridge_operator;
grant select (id, doctor_id, patient_id, status) on appointments to healbridge_status;
grant select (id, appointment_id) on prescriptions to healbridge_status, healbridge_operator;
grant select (id, patient_id) on documents to healbridge_status;
grant select (id, document_id, prescription_id) on medications to healbridge_status;
grant select (id, metadata) on notifications to healbridge_status, healbridge_operator;
grant execute on function sync.patient_entities to healbridge_status;
