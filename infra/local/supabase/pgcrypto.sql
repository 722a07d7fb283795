-- The part of pgcrypto a webhook signature needs, in schema `extensions` as on hosted Supabase.
-- The embedded Postgres has no pgcrypto; where the real one exists, it is used instead.
-- Left out: encryption, password hashing, md5 and sha1.

do $$ begin
  if exists (select from pg_available_extensions where name = 'pgcrypto') then
    create extension if not exists pgcrypto with schema extensions;
    return;
  end if;

  create or replace function extensions.digest(data bytea, type text) returns bytea
  language plpgsql immutable strict parallel safe set search_path = pg_catalog as $digest$
  begin
    case lower(type)
      when 'sha224' then return sha224(data);
      when 'sha256' then return sha256(data);
      when 'sha384' then return sha384(data);
      when 'sha512' then return sha512(data);
      else
        raise exception 'Cannot use "%": No such hash algorithm', type
          using errcode = 'invalid_parameter_value';
    end case;
  end $digest$;

  -- RFC 2104: H(key xor opad, H(key xor ipad, data)), the key hashed if longer than a block.
  create or replace function extensions.hmac(data bytea, key bytea, type text) returns bytea
  language plpgsql immutable strict parallel safe set search_path = pg_catalog as $hmac$
  declare
    block int := case when lower(type) in ('sha384', 'sha512') then 128 else 64 end;
    inner_pad bytea := decode(repeat('36', block), 'hex');
    outer_pad bytea := decode(repeat('5c', block), 'hex');
  begin
    if length(key) > block then
      key := extensions.digest(key, type);
    end if;
    for i in 0 .. length(key) - 1 loop
      inner_pad := set_byte(inner_pad, i, get_byte(key, i) # 54);  -- 0x36
      outer_pad := set_byte(outer_pad, i, get_byte(key, i) # 92);  -- 0x5c
    end loop;
    return extensions.digest(outer_pad || extensions.digest(inner_pad || data, type), type);
  end $hmac$;

  create or replace function extensions.digest(data text, type text) returns bytea
  language sql immutable strict parallel safe as
    $digest$ select extensions.digest(convert_to(data, 'UTF8'), type) $digest$;

  create or replace function extensions.hmac(data text, key text, type text) returns bytea
  language sql immutable strict parallel safe as
    $hmac$ select extensions.hmac(convert_to(data, 'UTF8'), convert_to(key, 'UTF8'), type) $hmac$;
end $$;
