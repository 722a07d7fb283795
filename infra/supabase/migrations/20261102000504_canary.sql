-- Change the canary's document as the edge function does.
create function public.touch_canary(p_id uuid, p_uid text, p_run text) returns void
language sql security definer set search_path = '' as $$
  insert into public.documents (id, patient_id, type, text, structured_json, ocr_confidence)
  values (p_id, p_uid, 'REPORT', p_run, '{"medications": []}', 1)
  on conflict (id) do update set text = excluded.text
$$;
revoke execute on function public.touch_canary(uuid, text, text) from public, anon, authenticated;
grant execute on function public.touch_canary(uuid, text, text) to service_role;
