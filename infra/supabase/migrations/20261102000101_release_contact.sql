-- GoTrue's admin API cannot clear an e-mail or phone: an empty one means "no change". A contact that
-- its owner gave up would stay, and keep the person who has it now out of Supabase. So it is released
-- here, with the effects of GoTrue's own "unlink identity": contact and confirmation empty, identity
-- removed. Only while the user still has this very value: a newer one is left alone.
create function public.release_auth_contacts(p_id uuid, p_email text, p_phone text)
returns integer language sql security definer set search_path = '' as $$
  with unlinked as (
    delete from auth.identities i
    where i.user_id = p_id
      and ((i.provider = 'email' and lower(i.identity_data ->> 'email') = p_email)
        or (i.provider = 'phone' and i.identity_data ->> 'phone' = p_phone))
  ), released as (
    update auth.users u set
      email = case when lower(u.email) = p_email then null else u.email end,
      email_confirmed_at = case when lower(u.email) = p_email then null else u.email_confirmed_at end,
      phone = case when u.phone = p_phone then null else u.phone end,
      phone_confirmed_at = case when u.phone = p_phone then null else u.phone_confirmed_at end,
      raw_user_meta_data = u.raw_user_meta_data
        - array_remove(array[case when lower(u.email) = p_email then 'email_verified' end,
                             case when u.phone = p_phone then 'phone_verified' end], null),
      updated_at = now()
    where u.id = p_id and (lower(u.email) = p_email or u.phone = p_phone)
    returning 1
  )
  select count(*)::integer from released
$$;

revoke execute on function public.release_auth_contacts(uuid, text, text)
  from public, anon, authenticated;
grant execute on function public.release_auth_contacts(uuid, text, text) to service_role;
