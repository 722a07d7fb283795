-- How each of a document's medications was read: what the backend's `medications` has no column
-- for. The raw line is always kept; needs_review blocks reminders until a person has looked.

create table sync.medication_readings (
  medication_id text primary key,
  document_id text not null,
  position integer not null,
  raw text,
  confidence numeric,
  frequency_code text,
  strength_value numeric,
  strength_unit text,
  digest bigint,                              -- of the medication as it was written
  needs_review boolean not null,
  review_reasons text[] not null default '{}'
);
create index medication_readings_document on sync.medication_readings (document_id);
create index medication_readings_review on sync.medication_readings (document_id)
  where needs_review;
