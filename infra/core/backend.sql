-- A stand-in of the backend's own tables, for the local stack and the tests only: never applied to
-- a real core database, whose tables belong to the backend (Prisma) and are not ours to migrate.
-- Shapes as Prisma makes them: text ids, native enums, timestamp(3) in UTC, no index for a relation.

create type "Role" as enum ('PATIENT', 'DOCTOR', 'STAFF');
create type "DocumentType" as enum ('PRESCRIPTION', 'LAB', 'REPORT');
create type "AppointmentStatus" as enum
  ('HOLD', 'CONFIRMED', 'STARTED', 'COMPLETED', 'CANCELLED', 'RESCHEDULED');
create type "VisitType" as enum ('CLINIC', 'TELE', 'HOUSE');
create type "NotificationChannel" as enum ('PUSH', 'SMS', 'EMAIL');

create table users (
  id text primary key,
  role "Role" not null,
  phone text unique,
  email text unique,
  firebase_uid text unique,
  language text not null default 'en',
  verified boolean not null default false,
  created_at timestamp(3) not null default current_timestamp
);

create table patients (
  id text primary key,
  user_id text not null unique references users(id) on delete cascade,
  name text,
  dob date,
  gender text,
  allergies text,
  chronic_conditions text,
  emergency_contact text,
  care_circle text[] not null default '{}',
  created_at timestamp(3) not null default current_timestamp
);

create table doctors (
  id text primary key,
  user_id text not null unique references users(id) on delete cascade,
  first_name text not null,
  last_name text not null,
  specialties text[] not null default '{}',
  license_no text,
  verified_status text not null default 'PENDING'
);

create table clinics (
  id text primary key,
  doctor_id text not null references doctors(id) on delete cascade,
  name text not null,
  lat double precision,
  lon double precision,
  address text
);

create table appointments (
  id text primary key,
  doctor_id text not null references doctors(id),
  clinic_id text references clinics(id),
  patient_id text not null references patients(id) on delete cascade,
  start_ts timestamp(3) not null,
  end_ts timestamp(3) not null,
  status "AppointmentStatus" not null default 'HOLD',
  visit_type "VisitType" not null default 'CLINIC',
  address text,
  checked_in_at timestamp(3),
  created_at timestamp(3) not null default current_timestamp
);

create table prescriptions (
  id text primary key,
  appointment_id text not null unique references appointments(id) on delete cascade,
  pdf_url text,
  summary_json jsonb not null default '{}',
  sent_at timestamp(3),
  created_at timestamp(3) not null default current_timestamp
);

create table documents (
  id text primary key,
  patient_id text not null references patients(id) on delete cascade,
  type "DocumentType" not null,
  file_url text,
  text text,
  structured_json jsonb,
  ocr_confidence double precision,
  created_at timestamp(3) not null default current_timestamp
);

create table medications (
  id text primary key,
  patient_id text not null references patients(id) on delete cascade,
  document_id text references documents(id) on delete cascade,
  prescription_id text references prescriptions(id) on delete cascade,
  name text not null,
  strength text,
  form text not null default 'tablet',
  frequency text,
  route text not null default 'oral',
  duration_days integer,
  start_date timestamp(3) not null default current_timestamp,
  reminders_enabled boolean not null default false
);

create table notifications (
  id text primary key,
  user_id text not null references users(id) on delete cascade,
  appointment_id text references appointments(id) on delete set null,
  type text not null,
  channel "NotificationChannel" not null,
  scheduled_at timestamp(3),
  sent_at timestamp(3),
  status text not null,
  metadata jsonb not null default '{}'
);
