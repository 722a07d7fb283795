-- Progress of resyncs: each page is noted in the transaction of the next, so that one which was
-- stopped goes on where it was; a page announced twice does no harm.

create table sync.resyncs (
  id bigint generated always as identity primary key,
  kind text not null,
  place text not null,
  after text,                                 -- last key, or Firebase's page token
  announced bigint not null default 0,
  most bigint,                                -- the budget, in entities
  state text not null default 'running' check (state in ('running', 'done', 'budget')),
  started_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- How many entities a kind has, and how many characters of text on average, by a sample.
create function sync.measure(p_kind text) returns table (entities bigint, characters double precision)
language plpgsql stable set search_path = '' as $$
declare
  watched record;
begin
  select * into strict watched from sync.watched w where w.kind = p_kind;
  execute format('select count(*) from %s where %I is not null', watched.source, watched.key_column)
  into entities;
  execute format('select coalesce(avg(length(to_jsonb(s)::text)), 0) from (select * from %s limit 1000) s',
                 watched.source) into characters;
  return next;
end $$;
