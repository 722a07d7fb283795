"""
The settings whose change the tests must notice, each with the run that has to fail.

The old text must occur once in its file, so that an edit which leaves a mutation behind is told.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """In `file` (from the repository's root), `old` becomes `new`, and `run` fails."""

    file: str
    old: str
    new: str
    run: str


def _in(name: str, *changes: tuple[str, str, str]) -> list[Mutation]:
    return [Mutation(f"terraform/{name}.tf", *change) for change in changes]


_DEPLOYED = "every_function_is_deployed_under_its_own_entry_point"
_LETTERS = "every_step_has_dead_letters"
_CALLER = "every_call_carries_the_functions_own_caller"
_RETRY = "every_failure_is_tried_again"
_CLOSED = "nothing_is_public_but_what_the_catalog_says"
_SECRETS = "a_function_gets_exactly_its_secrets"
_PUBLISH = "a_function_publishes_only_what_it_emits"
_IDENTITY = "every_function_has_its_own_identities"
_REGION = "messages_and_secrets_stay_in_their_region_under_the_given_key"
_LIMITS = "a_function_gets_its_own_settings_over_the_defaults"
_SETTINGS = "plain_settings_go_where_they_are_used"
_EVENTS = "auth_and_firestore_events_arrive_and_are_retried"
_SCHEDULE = "schedules_call_with_an_identity_and_are_missed_when_silent"
_ALERT = "every_function_has_an_alert"
_TOLD = "every_alert_reaches_somebody"
_STALLED = "a_stalled_chain_and_a_silent_schedule_are_noticed"

MUTATIONS: list[Mutation] = [
    *_in(
        "functions",
        ("entry_point       = each.key", 'entry_point       = "main"', _DEPLOYED),
        ('each.value.public ? "ALLOW_ALL"', 'each.value.public || true ? "ALLOW_ALL"', _CLOSED),
        ("runs_as[each.key].email\n    env", 'runs_as["store_user"].email\n    env', _IDENTITY),
        (
            "available_memory                 = each.value.memory",
            'available_memory = "512Mi"',
            _LIMITS,
        ),
        ("for_each = toset(each.value.secrets)", "for_each = local.secrets", _SECRETS),
        ('value, "none")', 'value, "none") == "" ? "1" : "latest"', _SECRETS),
        ("RETRY_POLICY_RETRY", "RETRY_POLICY_DO_NOT_RETRY", _EVENTS),
        ("RETRY_POLICY_RETRY", "RETRY_POLICY_DO_NOT_RETRY", _RETRY),
        ("google_service_account.called_by[each.key].email", "null", _EVENTS),
        (
            "tostring(function.concurrency)",
            '"10"',
            "core_is_not_asked_for_more_connections_than_it_has",
        ),
        ("{ SUPABASE_URL = var.supabase_url } : {}", "{} : {}", _SETTINGS),
        (
            'null : "PRIVATE_RANGES_ONLY"',
            'null : "ALL_TRAFFIC"',
            "a_private_core_is_reached_through_the_connector",
        ),
    ),
    *_in(
        "subscriptions",
        ("== local.dead_letter ? []", "!= local.dead_letter ? []", _LETTERS),
        ("== local.dead_letter ? []", '== "" ? []', _LETTERS),
        ("max_delivery_attempts = each.value.max_attempts", "max_delivery_attempts = 5", _LIMITS),
        ('"${each.value.max_backoff_s}s"', '"600s"', _LIMITS),
        ('"${each.value.min_backoff_s}s"', '"0s"', _RETRY),
        ("= each.value.ack_deadline_s", "= 60", "no_function_outlives_its_deadline"),
        (
            'kept" {\n  name                       = "${local.dead_letter}-kept"',
            'kept" {\n  name                       = "kept"',
            _LETTERS,
        ),
        ('"2678400s" # 31 days, the longest there is', '"604800s"', _LETTERS),
        (
            "google_pubsub_topic.this[each.value.trigger.topic].id",
            "google_pubsub_topic.this[local.dead_letter].id",
            _CALLER,
        ),
        (
            "      audience              = google_cloudfunctions2_function.this[each.key].service_config[0].uri\n",
            "",
            _CALLER,
        ),
        ("called_by[each.key].email", "runs_as[each.key].email", _CALLER),
        ('role   = "roles/pubsub.publisher"', 'role   = "roles/pubsub.viewer"', _LETTERS),
        (
            'role         = "roles/pubsub.subscriber"',
            'role         = "roles/pubsub.viewer"',
            _LETTERS,
        ),
    ),
    *_in(
        "schedules",
        ("called_by[each.key].email", "runs_as[each.key].email", _CALLER),
        ("= each.value.trigger.cron", '= "0 0 * * *"', _SCHEDULE),
        ("retry_count          = 3", "retry_count          = 0", _RETRY),
        ('"${each.value.timeout_s}s"', '"15s"', "no_function_outlives_its_deadline"),
    ),
    *_in(
        "triggers",
        ('region  = "global"', "region  = var.region", _EVENTS),
        ("value = function.trigger.document", 'value = "users/all"', _EVENTS),
        (
            "coalesce(var.firestore_location, var.region)",
            "var.region",
            "firestore_triggers_follow_the_database",
        ),
        (
            "      retry = true",
            "      retry = false",
            "auth_events_can_come_by_the_first_generation",
        ),
    ),
    *_in(
        "service_accounts",
        ("length(function.id) <= 27", "length(function.id) <= 60", "names_are_cut_and_stay_apart"),
        ("sha256(function.id), 0, 6", 'sha256("same"), 0, 6', "names_are_cut_and_stay_apart"),
        ('"in-${local', '"fn-${local', _IDENTITY),
    ),
    *_in(
        "grants",
        ("if function.public }", "}", _CLOSED),
        ("          function.emits, ", "          keys(local.topics), ", _PUBLISH),
        ("try(function.trigger.topic, local.dead_letter)", "local.dead_letter", _PUBLISH),
        ('role   = "roles/pubsub.publisher"', 'role   = "roles/pubsub.editor"', _PUBLISH),
        (
            "member   = google_service_account.called_by[each.key].member",
            'member   = "allUsers"',
            _CLOSED,
        ),
        ("called_by[each.key].member", "runs_as[each.key].member", _CALLER),
        (
            '"firebaseauth.users.get", ',
            '"firebaseauth.users.get", "firebaseauth.users.delete", ',
            "firebase_is_open_only_to_those_who_need_it",
        ),
        (
            "runs_as[each.value.function].member\n}\n\n# firebaseauth",
            'runs_as["store_user"].member\n}\n\n# firebaseauth',
            _PUBLISH,
        ),
    ),
    *_in(
        "secrets",
        ("for secret in function.secrets :", "for secret in local.secrets :", _SECRETS),
        ("          location = var.region", '          location = "us-central1"', _REGION),
        ("customer_managed_encryption.value\n", "null\n", _REGION),
    ),
    *_in("topics", ("coalesce(var.message_regions, [var.region])", '["us-central1"]', _REGION)),
    *_in(
        "source",
        (
            'public_access_prevention    = "enforced"',
            'public_access_prevention    = "inherited"',
            _CLOSED,
        ),
    ),
    *_in("encryption", ('      "gcp-sa-pubsub",', '      "gcp-sa-pubsub2",', _LETTERS)),
    *_in(
        "alerts",
        (
            '}=\\"${step.id}\\""\n        denominator = []\n        aligner     = "ALIGN_DELTA"',
            '}=\\"other\\""\n        denominator = []\n        aligner     = "ALIGN_DELTA"',
            _ALERT,
        ),
        ('if step.trigger.kind == "topic"', 'if step.trigger.kind == "none"', _ALERT),
        ('service_name=\\"${function.id}', 'service_name=\\"${function.chain}', _ALERT),
        ("var.notification_channels", "[]", _TOLD),
    ),
    *_in(
        "alerts_chains",
        ('combiner              = "AND"', 'combiner              = "OR"', _STALLED),
        ("if step.chain == chain", "if step.chain != chain", _STALLED),
        ('service_name=\\"${local.functions[each.key].id}', 'service_name=\\"other', _STALLED),
        ('window = "24h", retest_s = 3600', 'window = "15m", retest_s = 0', _SCHEDULE),
    ),
    *_in(
        "log_metrics",
        ("jsonencode(mark)", 'jsonencode("mark")', "a_planted_text_in_the_logs_is_noticed"),
        (
            "      threshold_value = 0",
            "      threshold_value = 9",
            "a_planted_text_in_the_logs_is_noticed",
        ),
        ("var.notification_channels", "[]", _TOLD),
    ),
    *_in(
        "dashboard",
        (
            "if function.chain == chain",
            'if function.chain != "users" && function.chain == chain',
            "the_dashboard_shows_every_chain",
        ),
    ),
    *_in("audit", ('"DATA_READ", ', "", "access_to_health_data_is_on_record")),
    *_in(
        "budget",
        (
            "monitoring_notification_channels = var.notification_channels",
            "disable_default_iam_recipients = true",
            _TOLD,
        ),
    ),
    *_in(
        "variables_watch",
        ("default     = 2192", "default     = 30", "access_to_health_data_is_on_record"),
    ),
    *_in(
        "rules",
        (
            "local.core_connections <= var.core_connections",
            "true",
            "more_connections_than_core_has_are_refused",
        ),
        (
            "function.timeout_s <= function.ack_deadline_s",
            "true",
            "a_step_slower_than_its_deadline_is_refused",
        ),
        ("&& function.ack_deadline_s <= 600", "", "a_deadline_beyond_pubsubs_is_refused"),
        ("function.ack_deadline_s >= 10", "true", "a_deadline_below_pubsubs_is_refused"),
        ("function.max_attempts >= 5 &&", "", "too_few_attempts_are_refused"),
        ("&& function.max_attempts <= 100", "", "too_many_attempts_are_refused"),
        ("function.max_backoff_s <= 600", "true", "a_backoff_beyond_pubsubs_is_refused"),
        (
            "function.min_backoff_s <= function.max_backoff_s",
            "true",
            "a_backoff_that_shrinks_is_refused",
        ),
        ("&& function.retention_s <= 2678400", "", "a_retention_beyond_pubsubs_is_refused"),
        (
            "|| tonumber(function.cpu) >= 1",
            "|| true",
            "several_requests_on_part_of_a_cpu_are_refused",
        ),
        (
            ": function.timeout_s <= 540",
            ": true",
            "an_announcement_longer_than_eventarc_waits_is_refused",
        ),
        (
            "&& function.timeout_s <= 1800",
            "",
            "a_scheduled_run_longer_than_scheduler_waits_is_refused",
        ),
        ("{0,47}", "{0,62}", "a_name_too_long_for_cloud_run_is_refused"),
        (
            "contains(keys(local.by_kind), function.trigger.kind)",
            "true",
            "an_unknown_kind_of_trigger_is_refused",
        ),
        (
            "length(setsubtract(local.secrets, keys(var.secret_versions))) == 0",
            "true",
            "a_secret_without_a_version_is_refused",
        ),
        (
            "length(setintersection(local.secrets, keys(var.settings))) == 0",
            "true",
            "a_secret_as_plain_text_is_refused",
        ),
        (
            "length(setsubtract(keys(var.callers), keys(local.gen2))) == 0",
            "true",
            "a_caller_of_nothing_is_refused",
        ),
    ),
    *_in(
        "variables",
        ('"^[1-9][0-9]*$"', '".*"', "the_latest_version_is_refused"),
        ('"^(user|group|serviceAccount):"', '".*"', "everybody_as_a_caller_is_refused"),
    ),
    Mutation("shared/catalog.json", '"timeout_s": 60,', '"timeout_s": 100,', _DEPLOYED),
    Mutation("shared/catalog.json", '"max_instances": 5,', '"max_instances": 500,', _DEPLOYED),
]
