-- The webhook: one hint per statement that changed uploads, with ids only, signed. A hint may be
-- lost or repeated; the outbox row written in the same transaction is what counts.
--
-- URL and secret lie in Vault: select vault.create_secret('https://...', 'healbridge_webhook_url');
-- select vault.create_secret('...', 'healbridge_webhook_secret'); without them no hint is sent and
-- the scheduled sweep does all the work.

create function sync.hint_documents() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  hint jsonb;
  target text;
  secret text;
  stamp text := extract(epoch from now())::bigint::text;
begin
  select jsonb_build_object('type', tg_op, 'schema', tg_table_schema, 'table', tg_table_name,
           'count', count(*), 'ids', coalesce(jsonb_agg(c.id) filter (where c.n <= 100), '[]'))
  into hint
  from (select id, row_number() over () as n from changed where origin = 'upload') c
  having count(*) > 0;
  if hint is null then
    return null;
  end if;
  select decrypted_secret into target from vault.decrypted_secrets
  where name = 'healbridge_webhook_url';
  select decrypted_secret into secret from vault.decrypted_secrets
  where name = 'healbridge_webhook_secret';
  if target is null or secret is null then
    return null;
  end if;
  perform net.http_post(
    url := target,
    body := hint,
    headers := jsonb_build_object('Content-Type', 'application/json',
      'X-HealBridge-Timestamp', stamp,
      'X-HealBridge-Signature', 'v1=' || encode(extensions.hmac(
        convert_to(stamp || '.' || hint::text, 'UTF8'), convert_to(secret, 'UTF8'), 'sha256'), 'hex')),
    timeout_milliseconds := 5000);
  return null;
exception when others then
  -- A hint must never abort the business write; the sweep finds what it would have announced.
  raise warning 'healbridge webhook hint not queued: %', sqlstate;
  return null;
end $$;

create trigger hint_inserted after insert on public.documents
  referencing new table as changed for each statement execute function sync.hint_documents();
create trigger hint_updated after update on public.documents
  referencing new table as changed for each statement execute function sync.hint_documents();
create trigger hint_deleted after delete on public.documents
  referencing old table as changed for each statement execute function sync.hint_documents();
