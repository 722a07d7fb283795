-- Whose token a request carries. Two kinds of sessions belong to one patient: a Firebase ID token,
-- whose subject is the uid, and a session of Supabase's own, whose user carries the uid in
-- app_metadata, where only the service role can write.

create schema if not exists sync;

-- Who signs tokens that count here. Empty until a deployment fills it, so nobody sees anything before:
-- Google signs the tokens of all Firebase projects with one set of keys, and only issuer and
-- audience tell this project's from any other's.
create table sync.trusted_issuers (
  issuer text primary key,
  audience text not null,
  kind text not null check (kind in ('firebase', 'supabase'))
);

-- The Firebase uid of the patient whose token this is; null for a token that does not count. Never
-- auth.uid(), which raises for a Firebase uid: it is no uuid.
create function sync.patient_of_token() returns text
language sql stable security definer set search_path = '' as $$
  select case i.kind when 'firebase' then t.claims ->> 'sub'
                     else t.claims -> 'app_metadata' ->> 'firebase_uid' end
  from (select auth.jwt() as claims) t
  join sync.trusted_issuers i
    on i.issuer = t.claims ->> 'iss' and t.claims -> 'aud' ? i.audience
$$;
