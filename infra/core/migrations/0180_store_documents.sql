-- Write documents and their medications, and record what became of each; see
-- shared/stores/core_documents.py, which hands in both as rows. One statement, and here rather than
-- there because PL/pgSQL keeps its plan with the connection's backend: parsing and planning it anew
-- took as long as one document's writes. A pooler in transaction mode knows of no plan, so it can
-- break none. The caller's own rights hold.
--
-- An older version than the stored one is no news; nor is one older than what was parked: once it
-- is written, the ledger would say "done" and forget that the newer one could not be stored.
--
-- A document's set of medications is replaced as a whole. Their ids say which medicine a row is, so
-- an unchanged row keeps its start date and reminders, a changed frequency or a reading in doubt
-- switches reminders off, and a medicine that is no longer read goes. jsonb_populate_recordset
-- casts to the backend's own column types, native enums included. The digest is that of
-- sync.medication_digest, written out: to make an object of every row first takes half of the time.
--
-- Every row is looked up by a key, and must be for as long as a plan is kept: one made while the
-- tables were small would scan them, and go on doing so while a bulk makes them large. So no scan is
-- planned here, and `offset 0` keeps a look-up one, which a join would answer from all rows at once.
create function sync.store_documents(
  p_documents jsonb, p_medications jsonb, p_step text, p_trace text, p_revision text
) returns table (id text, state text, code text)
language plpgsql set enable_seqscan = off as $$
#variable_conflict use_column
begin
  return query
  with given as (
    select * from jsonb_to_recordset(p_documents)
      as g(id text, uid text, version bigint, code text)
  ), typed as (
    select * from jsonb_populate_recordset(null::documents, p_documents)
  ), fresh as (
    select g.* from given g left join lateral (
      select * from sync.ledger l
      where l.kind = 'document' and l.key = g.id and l.step = p_step offset 0
    ) l on true
    where coalesce(l.source_version, 0) <= g.version
      and not coalesce(l.state = 'parked' and l.seen_version > g.version, false)
  ), homed as (
    select f.*, p.id as patient from fresh f
    join users u on u.firebase_uid = f.uid join patients p on p.user_id = u.id
  ), document as (
    insert into documents as d
      (id, patient_id, type, file_url, text, structured_json, ocr_confidence, created_at)
    select h.id, h.patient, t.type, t.file_url, t.text, t.structured_json, t.ocr_confidence,
           t.created_at
    from homed h join typed t on t.id = h.id order by h.id
    on conflict (id) do update set
      patient_id = excluded.patient_id, type = excluded.type, file_url = excluded.file_url,
      text = excluded.text, structured_json = excluded.structured_json,
      ocr_confidence = excluded.ocr_confidence, created_at = excluded.created_at
  ), medicine as (
    select m.*, r.needs_review, r.position, r.raw, r.confidence, r.frequency_code,
           r.strength_value, r.strength_unit, r.review_reasons, h.patient
    from jsonb_populate_recordset(null::medications, p_medications) m
    join jsonb_to_recordset(p_medications) as r(id text, position integer, raw text,
      confidence numeric, frequency_code text, strength_value numeric, strength_unit text,
      needs_review boolean, review_reasons text[]) on r.id = m.id
    join homed h on h.id = m.document_id
  ), dropped as (
    delete from medications m where m.id = any (array(
      select s.id from homed h cross join lateral (
        select o.id from medications o where o.document_id = h.id offset 0
      ) s where not exists (select from medicine n where n.id = s.id)))
  ), forgotten as (
    delete from sync.medication_readings r where r.medication_id = any (array(
      select s.id from homed h cross join lateral (
        select o.medication_id as id from sync.medication_readings o
        where o.document_id = h.id offset 0
      ) s where not exists (select from medicine n where n.id = s.id)))
  ), medication as (
    insert into medications as m (id, patient_id, document_id, name, strength, form, frequency,
      route, duration_days, start_date, reminders_enabled)
    select id, patient, document_id, name, strength, form, frequency, route, duration_days,
           now() at time zone 'utc', false
    from medicine order by id
    on conflict (id) do update set
      patient_id = excluded.patient_id, name = excluded.name, strength = excluded.strength,
      form = excluded.form, frequency = excluded.frequency, route = excluded.route,
      duration_days = excluded.duration_days,
      reminders_enabled = m.reminders_enabled
        and m.frequency is not distinct from excluded.frequency
        and not (select n.needs_review from medicine n where n.id = excluded.id)
  ), reading as (
    insert into sync.medication_readings as r (medication_id, document_id, position, raw,
      confidence, frequency_code, strength_value, strength_unit, digest, needs_review,
      review_reasons)
    select id, document_id, position, raw, confidence, frequency_code, strength_value,
           strength_unit, sync.hash64(
             jsonb_build_array(name, strength, form, frequency, route, duration_days)::text),
           needs_review, coalesce(review_reasons, '{}')
    from medicine order by id
    on conflict (medication_id) do update set
      document_id = excluded.document_id, position = excluded.position, raw = excluded.raw,
      confidence = excluded.confidence, frequency_code = excluded.frequency_code,
      strength_value = excluded.strength_value, strength_unit = excluded.strength_unit,
      digest = excluded.digest, needs_review = excluded.needs_review,
      review_reasons = excluded.review_reasons
  ), outcome as (
    select f.id, f.version,
           case when h.id is not null then 'done' when e.key is not null then 'gone'
                else 'retrying' end as state,
           case when h.id is not null then f.code when e.key is not null then 'patient_erased'
                else 'patient_not_in_core' end as code
    from fresh f left join homed h on h.id = f.id
    left join lateral (
      select b.key from sync.buried(jsonb_build_array(
        jsonb_build_object('kind', 'user', 'key', f.uid))) b where h.id is null
    ) e on true
  ), recorded as (
    select sync.record(p_step, p_trace, p_revision, coalesce((select jsonb_agg(
      jsonb_build_object('kind', 'document', 'key', id, 'version', version, 'state', state,
        'code', code)) from outcome), '[]'))
  )
  select o.id, o.state, o.code from outcome o cross join recorded;
end $$;
