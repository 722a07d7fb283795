-- Read how entities of one kind stand, and claim what is news of them, in one transaction; see
-- shared/notices/notifying.py, which lays the notes. The caller holds the lock told/<kind>/<key> of each,
-- so what a racing message has claimed is seen here. The caller's own rights hold.
--
-- News is what differs from what the patient was told, at a newer version. Its claim is held by the
-- message that found it; redeliveries of that message (the same holder) go on with it, others only when
-- its lease has run out. What was told of papers that are deleted or revoked leads to them no more; that
-- of an appointment stays. Answers
--   standing   {key: [version, why nobody is told of it]}, of those that core has
--   claims     what is still to be told; one that another message works on is `held`
--   withdrawn  all that was ever claimed of papers that hold no more, also what was withdrawn before: it
--              may not be unlinked everywhere. One that is open is `held`: its note may not lie there yet
-- Plans are kept: rows are looked up by key and changed by place (docs/decisions/0180).
create function sync.claim_news(p_kind text, p_keys text[], p_holder text, p_lease_s integer)
returns jsonb language plpgsql set search_path = '' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  standing jsonb;
  gone text[] := '{}';
begin
  standing := (
    select coalesce(jsonb_agg(to_jsonb(n) || jsonb_build_object('untold',
      case when n.uid is null then 'patient_without_sign_in'
           when n.state is null then 'prescription_summary_unreadable'
           when sync.is_canary(n.uid) then 'canary' end)), '[]')
    from sync.news(p_kind, p_keys) n);

  with fresh as (
    select n.*, case when t.uid = n.uid then t.state else '' end as before
    from jsonb_to_recordset(standing) as n(key text, version bigint, uid text, state text,
      first text, later text, appointment_id text, untold text)
    left join lateral (
      select * from sync.told t where t.kind = p_kind and t.key = n.key offset 0
    ) t on true
    where n.untold is null and (t.version is null or t.version < n.version)
  ), told as (
    insert into sync.told as t (kind, key, uid, state, version)
    select p_kind, key, uid, state, version from fresh order by key
    on conflict (kind, key) do update set
      uid = excluded.uid, state = excluded.state, version = excluded.version
  )
  insert into sync.notifications (kind, key, version, what, uid, appointment_id, attempts)
  select p_kind, f.key, f.version, f.what, f.uid, f.appointment_id, 0
  from (select *, case when before = '' then first else later end as what from fresh) f
  where f.state <> f.before and f.what is not null order by f.key;

  -- Of somebody else now: what was still to be told is not told to whoever had it before.
  update sync.notifications c set
    state = 'unsent', code = 'patient_changed', holder = null, lease_until = null, settled_at = now()
  where c.ctid = any (array(
    select o.place from jsonb_to_recordset(standing) as n(key text, uid text)
    cross join lateral (
      select c.ctid as place from sync.notifications c
      where c.kind = p_kind and c.key = n.key and c.state = 'claimed'
        and c.uid is distinct from n.uid offset 0
    ) o));

  update sync.notifications c set
    holder = p_holder, lease_until = now() + make_interval(secs => p_lease_s),
    attempts = c.attempts + 1
  where c.ctid = any (array(
    select o.place from jsonb_to_recordset(standing) as n(key text, untold text)
    cross join lateral (
      select c.ctid as place from sync.notifications c
      where c.kind = p_kind and c.key = n.key and c.state = 'claimed'
        and (c.holder = p_holder or c.lease_until is null or c.lease_until < now()) offset 0
    ) o where n.untold is null));

  if p_kind <> 'appointment' then
    gone := array(
      select k from unnest(p_keys) k where not exists (
        select from jsonb_to_recordset(standing) as n(key text, holds boolean)
        where n.key = k and n.holds));
  end if;
  if gone <> '{}' then
    perform sync.unlink_notifications(p_kind, gone);
    update sync.notifications c set withdrawn = true
    where c.ctid = any (array(
      select o.place from unnest(gone) k
      cross join lateral (
        select c.ctid as place from sync.notifications c
        where c.kind = p_kind and c.key = k and not c.withdrawn offset 0
      ) o));
  end if;

  return jsonb_build_object(
    'standing', (
      select coalesce(jsonb_object_agg(n.key, jsonb_build_array(n.version, n.untold)), '{}')
      from jsonb_to_recordset(standing) as n(key text, version bigint, untold text)),
    'claims', (
      select coalesce(jsonb_agg(to_jsonb(o) order by o.key, o.version), '[]')
      from jsonb_to_recordset(standing) as n(key text, untold text)
      cross join lateral (
        select c.key, c.version, c.what, c.uid, c.appointment_id, c.created_at, c.reached,
               c.holder is distinct from p_holder as held
        from sync.notifications c
        where c.kind = p_kind and c.key = n.key and c.state = 'claimed' offset 0
      ) o where n.untold is null),
    'withdrawn', (
      select coalesce(jsonb_agg(to_jsonb(o) order by o.key, o.version), '[]')
      from unnest(gone) k
      cross join lateral (
        select c.key, c.version, c.what, c.uid, c.appointment_id, c.created_at, c.reached,
               c.state = 'claimed' as held
        from sync.notifications c where c.kind = p_kind and c.key = k offset 0
      ) o));
end $$;
