-- Decisions on conflicts: who decided, and that a decision to leave a value with its holder stays.

alter table sync.conflicts add column decided_by text;

-- A step meets the same conflict each time it runs. Once a person has said keep_other, it is not
-- opened again while that same account holds the value. `dismissed` closes it for this once.
create function sync.stay_decided() returns trigger
language plpgsql set search_path = '' as $$
begin
  if exists (
    select from sync.conflicts c
    where c.kind = new.kind and c.key = new.key and c.step = new.step and c.field = new.field
      and c.other = new.other and c.resolution = 'keep_other'
  ) then
    return null;
  end if;
  return new;
end $$;
create index conflicts_decided on sync.conflicts (kind, key, step, field)
  where resolution = 'keep_other';
create trigger stay_decided before insert on sync.conflicts
  for each row execute function sync.stay_decided();
