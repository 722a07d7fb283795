-- Open conflicts are looked into again: a contact may be free by now, and no event says so.

-- Until what a conflict is known to stand, on the one scale of all versions: drawn when it is opened
-- and each time it is looked into.
alter table sync.conflicts
  add column as_of bigint not null default nextval('sync.version'),
  add column looked_at timestamptz not null default now();

-- Take up to p_limit open conflicts whose entity is worth another try: the account that held the
-- value is gone or has changed since, or the last look is p_rest_s seconds ago. The look is noted
-- before anything is published: a crash in between costs one look, it never repeats for ever.
create function sync.claim_conflicts(p_rest_s double precision, p_limit integer)
returns table (step text, kind text, key text) language sql set search_path = '' as $$
  with worth as (
    select c.id from sync.conflicts c
    left join public.users u on u.id = c.other
    left join sync.outbox o on o.kind = 'user' and o.key = u.firebase_uid
    where c.resolved_at is null
      and (c.looked_at < now() - make_interval(secs => p_rest_s)
           or o.version > c.as_of
           or c.step = 'store_user' and u.id is null)
    order by c.looked_at limit p_limit for update of c skip locked
  )
  update sync.conflicts c set as_of = nextval('sync.version'), looked_at = now()
  from worth w where c.id = w.id
  returning c.step, c.kind, c.key
$$;
create index conflicts_waiting on sync.conflicts (looked_at) where resolved_at is null;
