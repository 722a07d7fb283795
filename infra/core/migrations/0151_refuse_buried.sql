-- A step that writes to core asks in the same transaction whether any of its entities is buried, and
-- does nothing if one is: [{kind, key}]. PT410 is what both databases refuse erased patients with.
create function sync.refuse_buried(p_refs jsonb) returns void
language plpgsql stable security definer set search_path = '' as $$
begin
  if exists (select from sync.buried(p_refs)) then
    raise exception 'the patient was erased' using errcode = 'PT410';
  end if;
end $$;
