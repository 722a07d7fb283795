"""
The settings whose change the tests must notice, by the run that has to fail. One table and read as
one: that is why it is longer than other files.

The old text must occur once in its file, so that an edit which leaves a mutation behind is told.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """In a file (path from the repository's root), `old` becomes `new`, and `run` fails."""

    run: str
    file: str
    old: str
    new: str


def _fails(run: str, *changes: tuple[str, str, str]) -> list[Mutation]:
    return [
        Mutation(run, name if "/" in name else f"terraform/{name}.tf", old, new)
        for name, old, new in changes
    ]


_CATALOG = [
    *_fails(
        "every_function_is_deployed_under_its_own_entry_point",
        ("functions", "= each.key\n    docker", '= "main"\n    docker'),
        ("shared/catalog.json", '"timeout_s": 60,', '"timeout_s": 100,'),
        ("shared/catalog.json", '"max_instances": 4,', '"max_instances": 400,'),
    ),
    *_fails(
        "every_step_has_dead_letters",
        ("subscriptions", "== local.dead_letter ? []", "!= local.dead_letter ? []"),
        ("subscriptions", "== local.dead_letter ? []", '== "" ? []'),
        ("subscriptions", '= "${local.dead_letter}-kept"', '= "kept"'),
        ("subscriptions", '"2678400s"', '"604800s"'),
        ("subscriptions", "roles/pubsub.publisher", "roles/pubsub.viewer"),
        (
            "subscriptions",
            '"roles/pubsub.subscriber"\n  member       = local',
            '"roles/pubsub.viewer"\n  member       = local',
        ),
        (
            "subscriptions",
            '"roles/pubsub.subscriber"\n  member       = google',
            '"roles/pubsub.viewer"\n  member       = google',
        ),
        ("encryption", "number}@${agent}", "number}-${agent}"),
    ),
    *_fails(
        "every_call_carries_the_functions_own_caller",
        ("subscriptions", "this[each.value.trigger.topic]", "this[local.dead_letter]"),
        ("subscriptions", "audience   ", "audience = null #"),
        ("subscriptions", "called_by[each.key].email", "runs_as[each.key].email"),
        ("schedules", "called_by[each.key].email", "runs_as[each.key].email"),
        ("functions", "called_by[name].email", "runs_as[name].email"),
        ("functions", "&& !function.public ? {", "&& function.public ? {"),
        ("grants", "called_by[each.key].member", "runs_as[each.key].member"),
    ),
    *_fails(
        "every_failure_is_tried_again",
        ("functions", "RETRY_POLICY_RETRY", "RETRY_POLICY_DO_NOT_RETRY"),
        ("schedules", "= 3\n", "= 0\n"),
        ("subscriptions", '"${each.value.min_backoff_s}s"', '"0s"'),
    ),
    *_fails(
        "no_function_outlives_its_deadline",
        ("schedules", '"${each.value.timeout_s}s"', '"15s"'),
        ("subscriptions", "= each.value.ack_deadline_s", "= 60"),
    ),
    *_fails(
        "core_is_not_asked_for_more_connections_than_it_has",
        ("functions", "tostring(function.concurrency)", '"10"'),
        ("functions", "= each.value.max_instances", "= 500"),
    ),
]

_CLOSED = [
    *_fails(
        "nothing_is_public_but_what_the_catalog_says",
        ("functions", 'each.value.public ? "', '!each.value.public ? "'),
        ("grants", "google_service_account.called_by[each.key].member", '"allUsers"'),
        ("source", '= "enforced"', '= "inherited"'),
    ),
    *_fails(
        "a_function_gets_exactly_its_secrets",
        ("functions", "each.value.secret_ids", "{ for id in local.secrets : id => id }"),
        (
            "functions",
            'lookup(var.secret_versions, secret_environment_variables.value, "none")',
            '"1"',
        ),
        ("secrets", "for secret in values(function.secret_ids) :", "for secret in local.secrets :"),
        ("locals", 'upper(try(function.core_role, "unknown"))', 'upper("people")'),
        ("secrets", "roles/secretmanager.secretAccessor", "roles/secretmanager.admin"),
    ),
    *_fails(
        "a_function_publishes_only_what_it_emits",
        ("grants", "          function.emits,", "          keys(local.topics),"),
        ("grants", "try(function.trigger.topic, local.dead_letter)", "local.dead_letter"),
        ("grants", "roles/pubsub.publisher", "roles/pubsub.editor"),
    ),
    *_fails(
        "every_function_has_its_own_identities",
        ("functions", "runs_as[each.key]", "called_by[each.key]"),
        ("service_accounts", '"in-${local', '"fn-${local'),
    ),
    *_fails(
        "firebase_is_open_only_to_those_who_need_it",
        ("grants", '"firebaseauth.users.update"', '"firebaseauth.users.delete"'),
        ("grants", '"firebaseauth.users.create"', '"firebaseauth.users.update"'),
        ("grants", '"cloudmessaging.messages.create"', '"firebaseauth.users.get"'),
        ("grants", "if contains(keys(local.functions), name)", 'if name == "admit_user"'),
    ),
    *_fails(
        "messages_and_secrets_stay_in_their_region_under_the_given_key",
        ("functions", "= var.kms_key", "= null"),
        ("topics", "= var.kms_key", "= null"),
        ("topics", "coalesce(var.message_regions, [var.region])", '["us-central1"]'),
        ("secrets", "= var.region", '= "us-central1"'),
        ("secrets", "customer_managed_encryption.value\n", '"other"\n'),
        ("encryption", "if var.kms_key != null", "if var.kms_key == null"),
        ("audit", "kms_key_name = cmek_settings.value", 'kms_key_name = "other"'),
    ),
]

_KINDS = [
    *_fails(
        "a_function_gets_its_own_settings_over_the_defaults",
        ("functions", "each.value.memory", '"512Mi"'),
        ("functions", "each.value.min_instances", "0"),
        (
            "locals",
            "merge(local.catalog.defaults, function, {",
            "merge(function, local.catalog.defaults, {",
        ),
        ("subscriptions", '"${each.value.max_backoff_s}s"', '"600s"'),
        ("subscriptions", "each.value.max_attempts", "20"),
    ),
    *_fails(
        "plain_settings_go_where_they_are_used",
        ("functions", "{ SUPABASE_URL = var.supabase_url }", "{}"),
        ("functions", "{ GOOGLE_CLOUD_PROJECT = var.project }", "{}"),
        ("functions", '{ LOG_EXECUTION_ID = "false" }', "{}"),
        ("locals", 'if contains(function.secrets, "CORE_DSN")', ""),
    ),
    *_fails(
        "auth_and_firestore_events_arrive_and_are_retried",
        ("functions", "RETRY_POLICY_RETRY", "RETRY_POLICY_DO_NOT_RETRY"),
        ("functions", "google_service_account.called_by[each.key].email", "null"),
        ("triggers", 'region  = "global"', "region  = var.region"),
        ("triggers", "value = function.trigger.document", 'value = "users/all"'),
        ("triggers", "user.v2.${function.trigger.event}", "user.v2.created"),
    ),
    *_fails(
        "firestore_triggers_follow_the_database",
        ("triggers", "coalesce(var.firestore_location, var.region)", "var.region"),
    ),
    *_fails(
        "http_functions_are_as_open_as_the_catalog_says",
        ("functions", '? var.private_ingress : "', '? "ALLOW_ALL" : "'),
        ("grants", "if function.public }", "}"),
        ("grants", "called_by[each.value.function]", "runs_as[each.value.function]"),
        ("outputs", "    if function.public\n", ""),
    ),
    *_fails(
        "a_deployment_opens_only_what_it_names_callers_for",
        ("functions", "contains(keys(var.callers), each.key)", "length(var.callers) > 0"),
    ),
    *_fails(
        "schedules_call_with_an_identity_and_are_missed_when_silent",
        ("alerts_chains", '"24h", retest_s = 3600', '"15m", retest_s = 0'),
        ("schedules", "each.value.trigger.cron", '"0 0 * * *"'),
    ),
    *_fails(
        "names_are_cut_and_stay_apart",
        ("service_accounts", "length(function.id) <= 27", "length(function.id) <= 60"),
        ("service_accounts", "sha256(function.id)", 'sha256("same")'),
    ),
    *_fails(
        "a_private_core_is_reached_through_the_connector",
        ("functions", "PRIVATE_RANGES_ONLY", "ALL_TRAFFIC"),
    ),
    *_fails(
        "auth_events_can_come_by_the_first_generation",
        ("locals", "if !contains(keys(local.gen1), name)", ""),
        ("triggers", "retry = true", "retry = false"),
        ("triggers", "each.value.secret_ids", "{}"),
        (
            "triggers",
            "= secret_environment_variables.key",
            "= secret_environment_variables.key\n      project_id = var.project",
        ),
        ("triggers", "ALLOW_INTERNAL_ONLY", "ALLOW_ALL"),
        ("triggers", "= var.kms_key", "= null"),
        (
            "triggers",
            'lookup(var.secret_versions, secret_environment_variables.value, "none")',
            '"1"',
        ),
    ),
    *_fails(
        "auth_events_can_be_left_to_reconciliation",
        ("locals", 'var.auth_trigger != "none"', 'var.auth_trigger != ""'),
    ),
]

_RULES = [
    mutation
    for run, file, old, new in [
        ("more_connections_than_core_has_are", "rules", "<= var.core_", "<= 2 * var.core_"),
        (
            "a_step_slower_than_its_deadline_is",
            "rules",
            "s <= function.ack",
            "s <= 2 * function.ack",
        ),
        (
            "a_deadline_beyond_pubsubs_is",
            "rules",
            "ack_deadline_s <= 600\n",
            "ack_deadline_s <= 900\n",
        ),
        ("a_deadline_below_pubsubs_is", "rules", "ack_deadline_s >= 10", "ack_deadline_s >= 1"),
        ("too_few_attempts_are", "rules", "max_attempts >= 5", "max_attempts >= 1"),
        ("too_many_attempts_are", "rules", "max_attempts <= 100", "max_attempts <= 900"),
        (
            "a_backoff_beyond_pubsubs_is",
            "rules",
            "max_backoff_s <= 600\n",
            "max_backoff_s <= 900\n",
        ),
        ("a_backoff_that_shrinks_is", "rules", "<= function.max_backoff_s", "<= 600"),
        ("a_retention_beyond_pubsubs_is", "rules", "s <= 2678400", "s <= 9999999"),
        ("several_requests_on_part_of_a_cpu_are", "rules", "cpu) >= 1", "cpu) >= 0.1"),
        ("an_announcement_longer_than_eventarc_waits_is", "rules", "<= 540", "<= 900"),
        ("a_scheduled_run_longer_than_scheduler_waits_is", "rules", "<= 1800", "<= 9999"),
        ("a_name_too_long_for_cloud_run_is", "rules", "{0,47}", "{0,62}"),
        ("an_unknown_kind_of_trigger_is", "rules", "trigger.kind)])", "trigger.kind) || true])"),
        (
            "a_secret_without_a_version_is",
            "rules",
            "secret_versions))) == 0",
            "secret_versions))) < 9",
        ),
        (
            "a_way_into_core_without_a_role_is",
            "rules",
            "== can(length(function.core_role))",
            "|| true",
        ),
        ("a_secret_as_plain_text_is", "rules", "settings))) == 0", "settings))) < 9"),
        ("a_caller_of_nothing_is", "rules", "local.gen2))) == 0", "local.gen2))) < 9"),
        ("the_latest_version_is", "variables", '"^[1-9][0-9]*$"', '".*"'),
        ("everybody_as_a_caller_is", "variables", '"^(user|group|serviceAccount):"', '".*"'),
        (
            "a_missing_archive_is",
            "source",
            "fileexists(local.source_zip)",
            'local.source_zip != ""',
        ),
    ]
    for mutation in _fails(f"{run}_refused", (file, old, new))
]

_VALUES = _fails(
    "values_that_no_deployment_can_have_are_refused",
    ("variables_watch", "var.alert_after_s >= 300", "var.alert_after_s > 0"),
    ("variables_watch", "var.alert_error_ratio < 1", "var.alert_error_ratio <= 1"),
    ("variables_watch", "var.audit_retention_days <= 3650", "var.audit_retention_days <= 9999"),
    ("variables_watch", 'endswith(service, ".googleapis.com")', 'service != ""'),
    ("variables_watch", '"^[0-9A-F]{6}(-[0-9A-F]{6}){2}$"', '".*"'),
    ("variables_watch", '"^projects/[^/]+/notificationChannels/[^/]+$"', '".*"'),
    ("variables_watch", "length(text) >= 8", "length(text) >= 1"),
    ("variables", '["gen1", "gen2", "none"]', '["gen1", "gen2", "gen3", "none"]'),
    ("variables", "var.core_connections >= 1", "var.core_connections >= 0"),
    ("variables", '"^[a-z]+(-[a-z]+[0-9]+|[0-9]+)$"', '".*"'),
    ("variables", '"^projects/[^/]+/locations/[^/]+/keyRings', '".*|^projects/[^/]+/keyRings'),
    ("variables", "try(length(var.message_regions), 0) > 0", "true"),
    ("variables", '"/28"', '"/24"'),
    ("variables", '["ALLOW_ALL", "ALLOW', '["ALLOW_EVERYBODY", "ALLOW'),
    ("variables", '"^[a-z][a-z0-9-]{4,28}[a-z0-9]$"', '".*"'),
    ("variables", 'can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))', "true || var.region == null"),
    ("variables", '["python311", "python312"', '["python310", "python312"'),
    ("variables", '"^[A-Z][A-Z0-9_]*$"', '".*"'),
    ("variables", '"^https://[^/]+$"', '".*"'),
)

_WATCHED = [
    *_fails(
        "every_function_has_an_alert",
        ("alerts", "dead_letter_message_count", "ack_message_count"),
        ("alerts", 'if step.trigger.kind == "topic"', 'if step.trigger.kind == "none"'),
        ("alerts", "denominator = [local.requests[name].all]", "denominator = []"),
        ("alerts", 'service_name=\\"${function.id}', 'service_name=\\"${function.chain}'),
    ),
    *_fails(
        "every_alert_reaches_somebody",
        ("alerts", "var.notification_channels", "[]"),
        ("log_metrics", "var.notification_channels", "[]"),
        ("budget", "monitoring_notification_channels = var.notification_channels", ""),
    ),
    *_fails(
        "a_stalled_chain_and_a_silent_schedule_are_noticed",
        ("alerts_chains", '= "AND"', '= "OR"'),
        ("alerts_chains", "if step.chain == chain", "if step.chain != chain"),
        ("alerts_chains", '${local.functions[each.key].id}\\",resp', 'other\\",resp'),
    ),
    *_fails(
        "a_planted_text_in_the_logs_is_noticed",
        ("log_metrics", "jsonencode(text)", 'jsonencode("text")'),
        ("log_metrics", "threshold_value = 0", "threshold_value = 9"),
    ),
    *_fails(
        "a_canary_that_does_not_arrive_is_noticed_with_its_step",
        ("log_metrics", "canary_stalled", "canary_passed"),
        ("log_metrics", '"metric.label.${label}"', '"metric.label.kind"'),
    ),
    *_fails(
        "the_dashboard_shows_every_chain",
        ("dashboard", "if function.chain == chain", 'if function.chain == "users"'),
    ),
    *_fails(
        "access_to_health_data_is_on_record",
        ("audit", '"DATA_READ", ', ""),
        ("variables_watch", "= 2192", "= 30"),
    ),
    *_fails(
        "no_line_about_a_request_names_a_patient_or_who_asked",
        ("request_logs", "in local.by_kind.http :", "in local.by_kind.topic :"),
    ),
]

_HOOK = [
    *_fails(
        "a_sign_in_hook_is_not_there_unless_asked_for",
        ("locals", '"blocking" || var.sign_in_hook)', '"blocking" || true)'),
    ),
    *_fails(
        "a_sign_in_hook_is_called_by_firebase_at_its_run_app_address",
        ("grants", "merge(local.by_kind.http, local.by_kind.blocking)", "local.by_kind.http"),
        ("triggers", '"beforeSignIn"', '"beforeCreate"'),
    ),
]

MUTATIONS = [*_HOOK, *_CATALOG, *_CLOSED, *_KINDS, *_RULES, *_VALUES, *_WATCHED]
