-- Where the copies of prescription PDFs lie in Supabase Storage, and what they are copies of.
-- A row is written before the copy is begun and stays after it is removed: every path that may hold
-- a file is known, whatever crashed when.

create table sync.pdf_copies (
  prescription_id text not null,
  path text not null,        -- bucket/<uid>/prescriptions/<prescription id>.pdf
  owner text not null,       -- the patient's Firebase uid
  source text,               -- SHA-256 of the pdf_url; this and the following are null without copy
  source_etag text,          -- the source's tag: unchanged means that there is nothing to copy
  size bigint,
  sha256 text,
  copy_etag text,            -- Storage's tag of the copy: another one means another file lies there
  source_version bigint not null default 0,
  updated_at timestamptz not null default now(),
  primary key (prescription_id, path)
);
