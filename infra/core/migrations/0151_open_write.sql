-- What goes before every writing statement of the sync, in its transaction: it is marked as ours,
-- held to thirty seconds, and the entities that it is about are locked. A statement of its own: the
-- next one takes its snapshot after the locks are held. In the order of p_keys, which is sorted.
--
-- p_refs is [{kind, key}] or null: a step may ask whether any of its entities is buried, and does
-- nothing if one is. PT410 is what both databases refuse erased patients with.
create function sync.open_write(p_trace text, p_keys text[], p_refs jsonb) returns void
language plpgsql as $$
begin
  perform set_config('sync.origin', 'sync', true), set_config('sync.traceparent', p_trace, true),
          set_config('statement_timeout', '30s', true);  -- from the next statement on
  if current_setting('lock_timeout') = '0' then
    perform set_config('lock_timeout', '30s', true);
  end if;
  perform pg_advisory_xact_lock(hashtextextended(key, 0)) from unnest(p_keys) key;
  if p_refs is not null and exists (select from sync.buried(p_refs)) then
    raise exception 'the patient was erased' using errcode = 'PT410';
  end if;
end $$;
