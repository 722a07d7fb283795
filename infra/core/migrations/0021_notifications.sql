-- What patients were told. `told` is the state each patient knows of an entity, so that only a
-- difference is news; `notifications` holds a claim per piece of news, written before anything is
-- sent: Cloud Messaging has no idempotency key, so the claim and a collapse key are what keeps a
-- repeated delivery from being seen twice. Ids, codes and digests only.

create table sync.told (
  kind text not null,
  key text not null,
  uid text not null,
  state text not null,                        -- '' when there is nothing (any more)
  version bigint not null,
  primary key (kind, key)
);

create table sync.notifications (
  kind text not null,
  key text not null,
  version bigint not null,
  what text not null,
  uid text not null,
  appointment_id text,
  state text not null default 'claimed' check (state in ('claimed', 'sent', 'unsent', 'failed')),
  code text,
  attempts integer not null default 1,
  reached text[] not null default '{}',       -- fingerprints of the devices that have it
  withdrawn boolean not null default false,   -- what it is about was deleted or revoked: leads nowhere
  holder text,                                -- trace of the message that works on it
  lease_until timestamptz,
  created_at timestamptz not null default now(),
  settled_at timestamptz,
  primary key (kind, key, version)
);
create index notifications_open on sync.notifications (kind, key) where state = 'claimed';
