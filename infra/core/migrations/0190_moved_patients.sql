-- Whom a visit and its prescription belong to hangs on rows beside them: a visit may be given to another
-- patient (a booking under the wrong name, two patient rows of one person made one), and a patient row to
-- another user (whom the front desk had entered and who signs up later). What was shown to whoever had
-- them before is then taken away, and not left to the next comparison.

create function sync.capture_moved_visits() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  moved constant text[] := array(
    select c.id from changed c join before b on b.id = c.id
    where c.patient_id is distinct from b.patient_id);
begin
  if moved <> '{}' then
    perform sync.announce_again('prescription', array(
      select r.id from public.prescriptions r where r.appointment_id = any (moved)));
  end if;
  return null;
end $$;
create trigger sync_moved after update on public.appointments
  referencing old table as before new table as changed
  for each statement execute function sync.capture_moved_visits();

create function sync.capture_moved_patients() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  moved constant text[] := array(
    select c.id from changed c join before b on b.id = c.id
    where c.user_id is distinct from b.user_id);
  visits text[];
begin
  if moved <> '{}' then
    visits := array(select a.id from public.appointments a where a.patient_id = any (moved));
    perform sync.announce_again('appointment', visits);
    perform sync.announce_again('prescription', array(
      select r.id from public.prescriptions r where r.appointment_id = any (visits)));
  end if;
  return null;
end $$;
create trigger sync_moved after update on public.patients
  referencing old table as before new table as changed
  for each statement execute function sync.capture_moved_patients();
