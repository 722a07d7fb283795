-- What is news to a patient: the one place that says so.

-- Whether a prescription is revoked, told from its row as JSON. The backend has no agreed place for it, so
-- each of these is enough: `status` revoked or cancelled (any case), `revoked_at` set, or `revoked` true;
-- in the summary, or as a column of the row. Some writers store the JSON text of a summary. Null: the
-- summary is neither empty nor an object, so it cannot be told.
create function sync.is_revoked(p_prescription jsonb) returns boolean
language plpgsql immutable set search_path = '' as $$
declare
  summary jsonb := p_prescription -> 'summary_json';
begin
  if jsonb_typeof(summary) = 'string' then
    begin
      summary := nullif(btrim(summary #>> '{}', E' \t\r\n'), '')::jsonb;
    exception when data_exception or statement_too_complex then
      return null;
    end;
  end if;
  summary := coalesce(nullif(summary, 'null'), '{}');
  if jsonb_typeof(summary) <> 'object' then
    return null;
  end if;
  return (
    select coalesce(bool_or(
      lower(btrim(said ->> 'status')) in ('revoked', 'cancelled', 'canceled')
      or coalesce(said -> 'revoked_at', said -> 'revokedAt')
         not in ('null', '""', 'false', '0', '[]', '{}')
      or lower(btrim(said ->> 'revoked')) in ('true', 'yes')), false)
    from (values (summary), (p_prescription - 'summary_json')) place(said));
end $$;

-- How entities of one kind stand, as their patients would put it. `state` is compared with what the
-- patient was last told: '' that there is nothing (any more), null that it cannot be read. What to tell
-- of a difference is `first` after nothing and `later` after something; null tells nothing and is only
-- taken note of. `holds` is false of what must not be led to any more. `uid` is null without a sign-in.
--
-- A digest is of what a paper says, not of where its file lies: a file that was moved or drawn again is
-- no news. Papers older than a week come from a first synchronisation or a repair; Pub/Sub keeps an
-- event for seven days, so one that is announced late is still within it. An appointment is to its patient
-- a time with a doctor, and of those in the past there is no news. A document's version is that of the
-- upload which its row was written from.
--
-- Prisma's timestamp(3) columns hold UTC without saying so. Plans are kept, so rows are looked up by key
-- (docs/decisions/0180); and whether one is revoked is asked once, not wherever it is used.
create function sync.news(p_kind text, p_keys text[]) returns table (
  key text, version bigint, uid text, state text, first text, later text, appointment_id text, holds boolean
) language plpgsql stable set search_path = '' set timezone = 'UTC' set enable_seqscan = off as $$
#variable_conflict use_column
begin
  if p_kind = 'document' then
    return query
    select d.id, coalesce(l.source_version, 0), u.firebase_uid,
           md5(jsonb_build_array(d.type, d.text, d.structured_json)::text),
           case when d.created_at >= now() - interval '7 days' then 'new' end, 'changed',
           null::text, true
    from unnest(p_keys) k(id)
    cross join lateral (select * from public.documents d where d.id = k.id offset 0) d
    cross join lateral (select * from public.patients p where p.id = d.patient_id offset 0) p
    cross join lateral (select * from public.users u where u.id = p.user_id offset 0) u
    left join lateral (
      select l.source_version from sync.ledger l
      where l.kind = 'document' and l.key = d.id and l.step = 'store_document' offset 0
    ) l on true;
  elsif p_kind = 'prescription' then
    return query
    select r.id, coalesce(o.version, 0), u.firebase_uid,
           case when s.revoked then 'revoked' when not s.revoked then md5(r.summary_json::text) end,
           case when not s.revoked and r.created_at >= now() - interval '7 days' then 'new' end,
           case when s.revoked then 'revoked' else 'changed' end,
           r.appointment_id, s.revoked is not true
    from unnest(p_keys) k(id)
    cross join lateral (select * from public.prescriptions r where r.id = k.id offset 0) r
    cross join lateral (select sync.is_revoked(to_jsonb(r)) as revoked offset 0) s
    cross join lateral (
      select * from public.appointments a where a.id = r.appointment_id offset 0
    ) a
    cross join lateral (select * from public.patients p where p.id = a.patient_id offset 0) p
    cross join lateral (select * from public.users u where u.id = p.user_id offset 0) u
    left join lateral (
      select o.version from sync.outbox o where o.kind = 'prescription' and o.key = r.id offset 0
    ) o on true;
  elsif p_kind = 'appointment' then
    return query
    select a.id, coalesce(o.version, 0), u.firebase_uid,
           case when a.status::text in ('HOLD', 'CANCELLED') then ''
                else to_char(a.start_ts, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || ' ' || a.doctor_id end,
           case when a.start_ts > now() and a.status::text in ('CONFIRMED', 'RESCHEDULED')
                then 'booked' end,
           case when a.start_ts > now() then
             case a.status::text when 'CONFIRMED' then 'rescheduled'
               when 'RESCHEDULED' then 'rescheduled' when 'CANCELLED' then 'cancelled' end end,
           a.id, true
    from unnest(p_keys) k(id)
    cross join lateral (select * from public.appointments a where a.id = k.id offset 0) a
    cross join lateral (select * from public.patients p where p.id = a.patient_id offset 0) p
    cross join lateral (select * from public.users u where u.id = p.user_id offset 0) u
    left join lateral (
      select o.version from sync.outbox o where o.kind = 'appointment' and o.key = a.id offset 0
    ) o on true;
  end if;
end $$;

-- What exists before the sync begins is known to its patients: it is no news when it is announced.
insert into sync.told (kind, key, uid, state, version)
select 'appointment', n.key, n.uid, n.state, 0
from sync.news('appointment', array(select id from public.appointments)) n
where n.uid is not null and n.state <> '';

insert into sync.told (kind, key, uid, state, version)
select 'prescription', n.key, n.uid, n.state, 0
from sync.news('prescription', array(select id from public.prescriptions)) n
where n.uid is not null and n.state <> '';
