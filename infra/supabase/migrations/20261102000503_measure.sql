-- How many uploads there are, and how many characters of text on average, by a sample.
create function public.measure(p_kind text)
returns table (entities bigint, characters double precision)
language sql stable security definer set search_path = '' as $$
  select (select count(*) from public.documents where origin = 'upload'),
         (select coalesce(avg(length(s.text)), 0)
          from (select text from public.documents where origin = 'upload' limit 1000) s)
  where p_kind = 'document'
$$;
revoke execute on function public.measure(text) from public, anon, authenticated;
grant execute on function public.measure(text) to service_role;
