-- What the contract tests work on; dropped and made anew at the start of each run.
drop function if exists public.contract_overloaded(int);
drop function if exists public.contract_overloaded(int, int);
drop function if exists public.contract_search(extensions.vector, int);
drop function if exists public.contract_add(int, int);
drop function if exists public.contract_labels(text);
drop function if exists public.contract_numbers(int);
drop function if exists public.contract_pair(int);
drop function if exists public.contract_echo(jsonb);
drop function if exists public.contract_whole(jsonb);
drop function if exists public.contract_nothing();
drop function if exists public.contract_store(jsonb);
drop function if exists public.contract_fail(text);
drop function if exists public.contract_claims();
drop table if exists public.contract_chunks, public.contract_documents, public.contract_private;

create table public.contract_documents (
  id bigint primary key,
  owner text default 'nobody',
  title text not null,
  size int default 7,
  tags text[],
  meta jsonb,
  deleted_at timestamptz,
  unique (owner, title)
);
create table public.contract_chunks (
  id bigint generated always as identity primary key,
  document_id bigint references public.contract_documents (id) on delete cascade,
  body text,
  embedding extensions.vector(3)
);
create table public.contract_private (id int primary key, owner text not null);
alter table public.contract_private enable row level security;
create policy own_rows on public.contract_private for all to anon, authenticated
  using (owner = coalesce(auth.jwt() ->> 'sub', auth.role()))
  with check (owner = coalesce(auth.jwt() ->> 'sub', auth.role()));

create function public.contract_add(a int, b int default 10) returns int
language sql immutable as 'select a + b';
create function public.contract_labels(prefix text) returns setof text
language sql immutable as $$ select prefix || n from generate_series(1, 3) as n $$;
create function public.contract_numbers(id int) returns table (id int)
language sql immutable as 'select n from generate_series(1, $1) as n';
create function public.contract_pair(a int, out low int, out high int)
language sql immutable as 'select a, a + 1';
create function public.contract_echo(payload jsonb) returns jsonb
language sql immutable as 'select payload';
create function public.contract_whole(jsonb) returns int
language sql immutable as $$ select jsonb_array_length($1 -> 'items') $$;
create function public.contract_nothing() returns void language sql as 'select';
create function public.contract_overloaded(a int) returns text language sql as $$ select 'one' $$;
create function public.contract_overloaded(a int, b int) returns text language sql as $$ select 'two' $$;
create function public.contract_claims() returns jsonb language sql stable as 'select auth.jwt()';
create function public.contract_search(query extensions.vector, wanted int default 2)
returns table (body text, similarity float) language sql stable as $$
  select body, 1 - (embedding operator(extensions.<=>) query)
  from public.contract_chunks order by embedding operator(extensions.<=>) query limit wanted
$$;
create function public.contract_store(rows jsonb) returns int language plpgsql as $$
declare
  stored int;
begin
  insert into public.contract_documents (id, title, meta)
  select id, title, meta from jsonb_to_recordset(rows) as r(id bigint, title text, meta jsonb)
  on conflict (id) do update set title = excluded.title, meta = excluded.meta;
  get diagnostics stored = row_count;
  return stored;
end $$;
create function public.contract_fail(title text) returns int language plpgsql as $$
begin
  insert into public.contract_documents (id, title) values (-1, title);
  raise exception 'this is refused' using detail = 'a detail', hint = 'a hint';
end $$;
