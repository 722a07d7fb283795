-- What `create extension pg_net` and hosted Supabase's webhooks bring: schemas net and
-- supabase_functions. The background worker is the process infra.local.pg_net.
--
-- Sources: supabase/pg_net sql/pg_net.sql and src, supabase/postgres migrations (grants, security
-- definer, supabase_functions.http_request). Queue and responses are unlogged as there: a crash of
-- the server empties them. Left out: http_collect_response, worker_restart, and refusing requests
-- while the worker is down.

create schema if not exists net;
create schema if not exists supabase_functions;

create unlogged table if not exists net.http_request_queue (
  id bigserial,
  method text not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds int not null
);
create unlogged table if not exists net._http_response (
  id bigint,
  status_code int,
  content_type text,
  headers jsonb,
  content text,
  timed_out boolean,
  error_msg text,
  created timestamptz not null default now()
);
create index if not exists _http_response_created_idx on net._http_response (created);

-- Only in the stand-in: how the worker misbehaves from its next batch on. Without a row, as its
-- command line says.
create table if not exists net.standin_faults (
  only_row boolean primary key default true check (only_row),
  drop_rate real not null default 0 check (drop_rate between 0 and 1),
  duplicate_rate real not null default 0 check (duplicate_rate between 0 and 1),
  delay_ms int not null default 0 check (delay_ms >= 0)
);

create or replace function net.wake() returns void language sql as $$
  select pg_notify('pg_net', '')
$$;
create or replace function net._wake_on_insert() returns trigger language plpgsql as $$
begin
  perform net.wake();  -- reaches the worker at commit, once per transaction
  return null;
end $$;
create or replace trigger wake after insert on net.http_request_queue
  for each statement execute function net._wake_on_insert();

create or replace function net._urlencode_string(string text) returns text
language sql immutable strict as $$
  select coalesce(string_agg(
    case when c ~ '[A-Za-z0-9_.~-]' then c
      else regexp_replace(upper(encode(convert_to(c, 'UTF8'), 'hex')), '(..)', '%\1', 'g') end,
    '' order by position
  ), '')
  from regexp_split_to_table(string, '') with ordinality as chars(c, position)
$$;

create or replace function net._with_params(url text, params jsonb) returns text
language sql immutable as $$
  select url || coalesce(
    case when position('?' in url) > 0 then '&' else '?' end || string_agg(
      net._urlencode_string(key) || '=' || net._urlencode_string(value), '&'
    ), '')
  from jsonb_each_text(coalesce(params, '{}'))
$$;

create or replace function net.http_post(
  url text,
  body jsonb default '{}'::jsonb,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{"Content-Type": "application/json"}'::jsonb,
  timeout_milliseconds int default 5000
) returns bigint language plpgsql volatile security definer set search_path = net as $$
declare
  request_id bigint;
  content_type text;
begin
  select value into content_type from jsonb_each_text(coalesce(headers, '{}'))
  where lower(key) = 'content-type' limit 1;
  if content_type is null then
    headers := headers || '{"Content-Type": "application/json"}';
  elsif content_type <> 'application/json' then
    raise exception 'Content-Type header must be "application/json"';
  end if;
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    'POST', net._with_params(url, params), headers, convert_to(body::text, 'UTF8'),
    timeout_milliseconds
  )
  returning id into request_id;
  return request_id;
end $$;

create or replace function net.http_get(
  url text,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{}'::jsonb,
  timeout_milliseconds int default 5000
) returns bigint language sql volatile security definer set search_path = net as $$
  insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
  values ('GET', net._with_params(url, params), headers, timeout_milliseconds)
  returning id
$$;

create or replace function net.http_delete(
  url text,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{}'::jsonb,
  timeout_milliseconds int default 5000,
  body jsonb default null
) returns bigint language sql volatile security definer set search_path = net as $$
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    'DELETE', net._with_params(url, params), headers, convert_to(body::text, 'UTF8'),
    timeout_milliseconds
  )
  returning id
$$;

create table if not exists supabase_functions.hooks (
  id bigserial primary key,
  hook_table_id int not null,
  hook_name text not null,
  created_at timestamptz not null default now(),
  request_id bigint
);

-- The trigger function behind the dashboard's "database webhooks": sends the whole row.
create or replace function supabase_functions.http_request() returns trigger
language plpgsql security definer set search_path = supabase_functions as $$
declare
  request_id bigint;
  url text := tg_argv[0];
  method text := tg_argv[1];
  headers jsonb := coalesce(nullif(tg_argv[2], 'null'), '{"Content-Type": "application/json"}');
  params jsonb := coalesce(nullif(tg_argv[3], 'null'), '{}');
  timeout_ms int := coalesce(nullif(tg_argv[4], 'null'), '1000');
begin
  if url is null or url = 'null' then
    raise exception 'url argument is missing';
  end if;
  case method
    when 'GET' then
      request_id := net.http_get(url, params, headers, timeout_ms);
    when 'POST' then
      request_id := net.http_post(url, jsonb_build_object(
        'old_record', old, 'record', new, 'type', tg_op,
        'table', tg_table_name, 'schema', tg_table_schema
      ), params, headers, timeout_ms);
    else
      raise exception 'method argument % is invalid', method;
  end case;
  insert into supabase_functions.hooks (hook_table_id, hook_name, request_id)
  values (tg_relid, tg_name, request_id);
  return new;
end $$;

do $$
declare
  role text;
begin
  foreach role in array array['anon', 'authenticated', 'service_role'] loop
    execute format('grant usage on schema net, supabase_functions to %I', role);
  end loop;
end $$;
