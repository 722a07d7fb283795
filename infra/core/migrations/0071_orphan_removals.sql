-- Who ordered which orphans to be removed. An order is noted before it is carried out.
create table sync.orphan_removals (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  projection text not null,
  key text not null,
  operator text not null
);
