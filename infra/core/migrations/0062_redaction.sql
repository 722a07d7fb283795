-- How a record that is kept loses the person it is of.

-- A text without a person's names and contacts, wherever they stand as whole words.
create function sync.redacted(p text, p_identifiers text[]) returns text
language plpgsql immutable set search_path = '' as $$
declare
  identifier text;
begin
  foreach identifier in array p_identifiers loop
    p := regexp_replace(p, '(?<!\w)' || regexp_replace(identifier, '([^[:alnum:]\s])', '\\\1', 'g')
                           || '(?!\w)', '[erased]', 'gi');
  end loop;
  return p;
end $$;

-- The same of structured data, value by value: within the text of a JSON, a number that is the phone or
-- a word that is somebody's name ("true") would leave no JSON. A text that is the JSON of something is
-- read as that.
create function sync.redacted_json(p jsonb, p_identifiers text[]) returns jsonb
language plpgsql immutable set search_path = '' as $$
declare
  said constant text := p #>> '{}';
begin
  case jsonb_typeof(p)
    when 'object' then
      return (select coalesce(jsonb_object_agg(sync.redacted(f.key, p_identifiers),
                                               sync.redacted_json(f.value, p_identifiers)), '{}')
              from jsonb_each(p) f);
    when 'array' then
      return (select coalesce(jsonb_agg(sync.redacted_json(v.value, p_identifiers) order by v.n), '[]')
              from jsonb_array_elements(p) with ordinality v(value, n));
    when 'string' then
      if said ~ '^\s*[{[]' then
        begin
          return to_jsonb(sync.redacted_json(said::jsonb, p_identifiers)::text);
        exception when data_exception or statement_too_complex then
          null;  -- no JSON after all
        end;
      end if;
      return to_jsonb(sync.redacted(said, p_identifiers));
    when 'number' then
      return case when sync.redacted(said, p_identifiers) = said then p
                  else to_jsonb(sync.redacted(said, p_identifiers)) end;
    else
      return p;
  end case;
end $$;

-- What a person is called in free text: the name and its parts, e-mail, phone with and without country.
create function sync.identifiers(p_user text) returns text[]
language sql stable security definer set search_path = '' as $$
  select coalesce(array_agg(word order by length(word) desc, word), '{}') from (
    select distinct word from public.users u left join public.patients p on p.user_id = u.id
    cross join lateral unnest(array[p.name, u.email, u.phone, ltrim(u.phone, '+'), right(u.phone, 10)]
      || regexp_split_to_array(p.name, '\s+')) word
    where u.id = p_user and length(word) >= 3
  ) w
$$;

-- Take the person out of kept rows: every text, list of texts and JSON column but ids and addresses of
-- files.
create function sync.redact(p_table regclass, p_ids text[], p_identifiers text[]) returns void
language plpgsql security definer set search_path = '' as $$
declare
  field record;
begin
  for field in
    select a.attname, format_type(a.atttypid, a.atttypmod) as type,
           case when a.atttypid in ('json'::regtype, 'jsonb'::regtype)
                then 'sync.redacted_json(%1$I::jsonb, $1)::%2$s'
                when e.oid is null then 'sync.redacted(%1$I::text, $1)::%2$s'
                else 'case when %1$I is not null then array('
                     'select sync.redacted(v::text, $1) from unnest(%1$I) v)::%2$s end' end as value
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
    left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A'
    where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      and (coalesce(e.typcategory, t.typcategory) = 'S'
           or a.atttypid in ('json'::regtype, 'jsonb'::regtype))
      and a.attname !~ '(^id|_id|_url)$'
  loop
    execute format('update %s set %I = %s where id = any ($2)', p_table, field.attname,
                   format(field.value, field.attname, field.type)) using p_identifiers, p_ids;
  end loop;
end $$;
