"""
What a person must do about an entity that is stuck, by reason code.

Every code that the functions can write has a text: exact ones first, then the families that a
vendor's own code or an SQLSTATE completes. Texts name no content, so they may be shown anywhere.
"""

from __future__ import annotations

_WAIT = "Nothing for now: it is tried again by itself. "
_SOURCE = "Correct it at its source; the change starts the chain again. "
_REPLAY = "Then replay it. "

EXACT = {
    # its deliveries ran out, or it waits
    "attempts_exhausted": "Its deliveries ran out without a recorded reason: see that the step runs"
    " and answers. It is replayed by itself up to eight times; replay it at once if you mended it.",
    "too_early": _WAIT + "A provider named a time and it is not yet come.",
    "source_keeps_moving": _WAIT + "Its source changed while it was being copied.",
    "firestore_moved_on": _WAIT + "Its source changed while it was being copied.",
    "notification_in_hand": _WAIT + "Another delivery is telling the patient right now.",
    "mirror_missing": _WAIT + "Its document is not in Supabase yet: see step mirror_prescription.",
    "publish_failed": "Pub/Sub did not take the message: see that the topic exists and that the"
    " function's account may publish to it. It is tried again by itself.",
    "core_parent_missing": _WAIT + "The patient it belongs to is not in core yet: see store_user"
    " for this patient.",
    "patient_not_in_core": _WAIT + "The patient is not in core yet. Parked: see whether the account"
    " exists and why store_user has not brought it; then replay.",
    "user_not_in_core": _WAIT + "The user is not in core yet. Parked: see whether the account"
    " exists and why store_user has not brought it; then replay.",
    # a person decides
    "contact_taken": "Another account holds this e-mail or phone: decide the conflict.",
    "role_differs": "The account is a patient's and a doctor's: decide the conflict.",
    # something at its source is not as it must be
    "document_type_missing": _SOURCE + "The document has no type.",
    "document_type_unknown": _SOURCE + "The document's type is none of prescription, lab, report.",
    "structured_json_unreadable": _SOURCE + "The document's structured_json cannot be read.",
    "doctor_name_missing": _SOURCE + "The doctor's profile has no name, and core requires one.",
    "supabase_value_unreadable": _SOURCE
    + "A number of its JSON is too long, or it nests too deep.",
    "core_value_unreadable": _SOURCE + "A number of its JSON is too long, or it nests too deep.",
    "doctor_name_unreadable": _SOURCE + "The name in the doctor's profile is not text.",
    "uid_not_a_folder": "The account's uid cannot be a folder in Storage: have the account made"
    " anew under a uid without slash and dots.",
    "pdf_url_unreadable": _SOURCE + "The prescription's pdf_url is not an S3 or https address.",
    "pdf_bucket_not_allowed": "If this S3 bucket is ours, add it to PDF_BUCKETS and replay.",
    "pdf_host_not_allowed": "If this host is ours, add it to PDF_HOSTS and replay.",
    "pdf_too_large": _SOURCE + "The PDF is larger than is copied.",
    "pdf_missing": _SOURCE + "There is no PDF at the prescription's pdf_url.",
    "embeddings_refused_input": _SOURCE + "The embeddings provider refuses this text.",
    "firestore_id_invalid": "Firestore cannot hold a document of this id: give the entity another.",
    "firestore_invalid_argument": "Firestore refuses what was written: report it with the trace.",
    "firebase_invalid_argument": "Firebase refuses what was written: report it with the trace.",
    "firebase_user_gone": "Nothing: the Firebase account was deleted.",
    "core_rejected_value": _SOURCE + "A value of it cannot be stored in core (a NUL character).",
    "fcm_refused_message": "Cloud Messaging refuses the message itself: report it with the trace.",
    "kind_without_topic": "A table is watched whose kind has no topic: give its topic"
    " `announced_by` in shared/catalog.json, deploy, and replay.",
    # messages that are not ours, or broken
    "dead_letter_without_step": "A dead letter names no step that exists: remove the subscription"
    " that sends it, or restore the step.",
    "auth_event_without_uid": "Firebase sent an event without uid: report it to Firebase.",
    "unknown_refusal": "Report it with the trace: the step refused without saying why.",
    # providers and stores
    "core_unreachable": "See that core PostgreSQL and its pooler answer. " + _WAIT,
    "supabase_unreachable": "See that Supabase answers (its status page). " + _WAIT,
    "supabase_57014": _WAIT + "A statement took longer than Supabase lets it: it is tried with"
    " less. Parked: see Supabase's load and size.",
    "supabase_413": _WAIT + "A request was too large for Supabase: it is tried again with less.",
    "supabase_auth_answer": "Supabase auth answered in an unknown form: see its version. " + _WAIT,
    "firestore_unreachable": "See that Firestore answers (Google's status page). " + _WAIT,
    "firestore_answer_broken": "Firestore's answer was cut short or is in an unknown form. "
    + _WAIT,
    "firestore_quota": "Firestore's quota is used up: raise it. " + _WAIT,
    "firestore_denied": "The function's account may not use Firestore: grant it"
    " roles/datastore.user. " + _WAIT,
    "firestore_misconfigured": "There is no such database, or an index of it is missing: see"
    " GOOGLE_CLOUD_PROJECT and its Firestore, which is to be in native mode. " + _WAIT,
    "firebase_unreachable": "See that Firebase Auth answers (Google's status page). " + _WAIT,
    "firebase_answer_broken": "Firebase Auth answered in an unknown form: report it. " + _WAIT,
    "firebase_quota": "Firebase's quota is used up: raise it. " + _WAIT,
    "firebase_misconfigured": "Firebase does not know the project, its billing or the function's"
    " account: see GOOGLE_CLOUD_PROJECT and that Authentication is set up. " + _WAIT,
    "google_credentials_unavailable": "The function gets no token of its account: see that its"
    " service account exists and is enabled. " + _WAIT,
    "google_keys_unreachable": "Google's public keys cannot be fetched: see the network. " + _WAIT,
    "embeddings_unreachable": "See that the embeddings provider answers. " + _WAIT,
    "embeddings_quota": "The embeddings account has no credit: top it up. Asked once an hour.",
    "embeddings_rate_limit": _WAIT + "The embeddings provider limits the rate.",
    "embeddings_count_mismatch": "The provider sent fewer embeddings than asked for. " + _WAIT,
    "embeddings_not_asked": _WAIT + "Other documents of its batch used up the provider's limit.",
    "pdf_copying_out_of_time": _WAIT + "The other PDFs of its batch took all the time.",
    "pdf_corrupted": "The PDF's checksum is not what its source says. " + _WAIT,
    "pdf_truncated": "The PDF ended before its announced length. " + _WAIT,
    "pdf_host_unknown": "The host of the pdf_url has no address: see the name. " + _WAIT,
    "pdf_host_unreachable": "The host of the pdf_url does not answer. " + _WAIT,
    "aws_accessdenied": "The S3 of the PDFs lets us not read: allow AWS_ACCESS_KEY_ID s3:GetObject,"
    " and s3:ListBucket too, without which S3 answers so for a file that is missing. " + _WAIT,
    "aws_unreachable": "See that the S3 of the PDFs answers. " + _WAIT,
    "storage_unreachable": "See that Supabase Storage answers. " + _WAIT,
    "storage_copy_incomplete": "Storage did not keep the copy as sent. " + _WAIT,
    "storage_delete_failed": "Storage did not delete a file: see its S3 keys. " + _WAIT,
    "embeddings_request_too_large": "The embeddings provider took the request for too large. "
    + _REPLAY,
    "patient_id_is_contact": _SOURCE + "patient_id is an e-mail or a phone, not a Firebase uid.",
    "prescription_summary_unreadable": _SOURCE + "The prescription's summary_json is no object.",
    "patient_without_sign_in": "Nothing: the patient has no account. A sign-up announces all anew.",
    "patient_erased": "Nothing: the patient was erased, and nothing of theirs comes back.",
    "dead_letters_unreachable": "Pub/Sub did not answer, or certify_erasure may not read"
    " `dead-letter-kept`: see its roles. " + _WAIT,
    "erasure_incomplete": _WAIT + "Something of the patient is still in a store.",
    "seal_unreadable": "ID_NAMESPACE changed since the certificate: order the erasure anew.",
    "steps_may_still_run": _WAIT + "Steps that began before the erasure may still be at work.",
    # what was done all the same
    "license_differs": "A verified licence stays as it is, though the profile says another: ask.",
    "profile_deleted": "Nothing: the profile was deleted, and what it had given is gone.",
    "user_is_no_patient": "Nothing: the profile of who is no patient is passed over.",
    "no_contact": "Nothing: the account has neither e-mail nor phone and cannot be in Supabase.",
}

# A code begins with one of these; what follows is a vendor's code, a status or an SQLSTATE.
FAMILIES = {
    "setting_missing_": "A setting is missing or malformed: set the variable that the code names"
    " on the function and deploy it. Nothing is lost meanwhile.",
    "event_": "The message is not one of ours: see who publishes to the topic.",
    "message_": "The message is not one of ours: see who publishes to the topic.",
    "core_22": _SOURCE + "Core refuses a value (SQLSTATE in the code).",
    "core_23": _SOURCE + "The value breaks a rule of core's table (SQLSTATE in the code).",
    "core_28": "Core refuses our login: renew CORE_DSN. " + _WAIT,
    "core_42": "Our rights or schema in core are wrong: run the migrations. " + _WAIT,
    "core_": "Core could not do it now (SQLSTATE in the code): see its log and load. " + _WAIT,
    "supabase_22": _SOURCE + "Supabase refuses a value (SQLSTATE in the code).",
    "supabase_23": _SOURCE + "The value breaks a rule of Supabase's table (SQLSTATE in the code).",
    "supabase_42": "Our rights or schema in Supabase are wrong: run the migrations. " + _WAIT,
    "supabase_": "Supabase refused it: the code is its own. See its log; correct the contact or the"
    " service key if it names one. " + _REPLAY,
    "firebase_": "Firebase refused it: the code is its own. " + _WAIT,
    "firestore_": "Firestore refused it: the code is its own. " + _WAIT,
    "fcm_": "Cloud Messaging refused it: the code is its own. " + _WAIT,
    "embeddings_http_": "The embeddings provider answered with this status: see its status page"
    " and OPENAI_API_KEY. " + _WAIT,
    "pdf_http_": "The PDF's host answered with this status: see that the file is there. " + _WAIT,
    "aws_": "The S3 of the PDFs refused it: see its key and the bucket's policy. " + _WAIT,
    "storage_": "Storage refused it: see its S3 keys and the bucket. " + _WAIT,
    "unknown_": "An error that the code does not expect: report it with the trace. It is tried"
    " again, then parked. " + _REPLAY,
}


def find(code: str) -> str | None:
    """Return the text of a code, or nothing for a code that has none."""
    if code in EXACT:
        return EXACT[code].strip()
    family = max((f for f in FAMILIES if code.startswith(f)), key=len, default=None)
    return FAMILIES[family].strip() if family else None


def remedy(code: str | None) -> str:
    """Return what to do about a reason; a ledger may hold a code of a version that is gone."""
    return find(code or "") or EXACT["unknown_refusal"]
