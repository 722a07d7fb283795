# Every kind of trigger and every setting, on a catalog made for it: expectations are written out.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  catalog = jsondecode(file("tests/every_kind.json"))
  callers = { sync_status = ["group:operators@example.com"] }
  network = { name = "default", connector_range = "10.8.0.0/28" }

  secret_versions = { CORE_DSN_PEOPLE = "3", FINGERPRINT_KEY = "4", SUPABASE_SERVICE_KEY = "1", WEBHOOK_SECRET = "2" }
  settings        = { OPENAI_BASE_URL = "https://embeddings.example.com/v1" }
}

run "a_function_gets_its_own_settings_over_the_defaults" {
  assert {
    condition = alltrue([for config in [google_cloudfunctions2_function.this["store_user"].service_config[0]] : alltrue([
      config.available_memory == "1Gi", config.available_cpu == "2", config.timeout_seconds == 100,
      config.max_instance_request_concurrency == 8, config.min_instance_count == 1, config.max_instance_count == 3,
    ])])
    error_message = "store_user has not the limits its entry names."
  }
  assert {
    condition = alltrue([for subscription in [google_pubsub_subscription.step["store_user"]] : alltrue([
      subscription.ack_deadline_seconds == 110,
      subscription.message_retention_duration == "86400s",
      subscription.retry_policy[0].minimum_backoff == "2s",
      subscription.retry_policy[0].maximum_backoff == "300s",
      subscription.dead_letter_policy[0].max_delivery_attempts == 7,
    ])])
    error_message = "store_user's subscription has not the settings its entry names."
  }
  assert {
    condition     = google_pubsub_subscription.step["park_dead_letter"].ack_deadline_seconds == 90
    error_message = "park_dead_letter has not the default."
  }
}

run "plain_settings_go_where_they_are_used" {
  command = plan

  assert {
    condition = google_cloudfunctions2_function.this["mirror_user_to_storage_second"].service_config[0].environment_variables == tomap({
      CALLED_BY            = google_service_account.called_by["mirror_user_to_storage_second"].email
      CORE_POOL_SIZE       = "4"
      GOOGLE_CLOUD_PROJECT = "healbridge-test"
      LOG_EXECUTION_ID     = "false"
      OPENAI_BASE_URL      = "https://embeddings.example.com/v1"
      SUPABASE_URL         = "https://abcdefgh.supabase.co"
    })
    error_message = "The settings of a step with both stores."
  }
  assert {
    condition     = google_cloudfunctions2_function.this["store_user"].service_config[0].environment_variables["CORE_POOL_SIZE"] == "8"
    error_message = "The pool is not as large as the step's concurrency."
  }
  assert {
    condition = google_cloudfunctions2_function.this["receive_document"].service_config[0].environment_variables == tomap({
      GOOGLE_CLOUD_PROJECT = "healbridge-test"
      LOG_EXECUTION_ID     = "false"
      OPENAI_BASE_URL      = "https://embeddings.example.com/v1"
    })
    error_message = "A public function without stores has settings it cannot use."
  }
}

run "auth_and_firestore_events_arrive_and_are_retried" {
  command = plan

  assert {
    condition = {
      for name, function in google_cloudfunctions2_function.this : name => one([
        for trigger in function.event_trigger : "${trigger.event_type} ${trigger.trigger_region} ${trigger.retry_policy}"
      ]) if length(function.event_trigger) > 0
      } == {
      announce_erasure = "google.firebase.auth.user.v2.deleted global RETRY_POLICY_RETRY"
      announce_profile = "google.cloud.firestore.document.v1.written asia-south1 RETRY_POLICY_RETRY"
      announce_user    = "google.firebase.auth.user.v2.created global RETRY_POLICY_RETRY"
    }
    error_message = "Event, location or retry of an event-driven function."
  }
  assert {
    condition = toset([
      for filter in google_cloudfunctions2_function.this["announce_profile"].event_trigger[0].event_filters :
      "${filter.attribute} ${filter.value} ${filter.operator == null ? "" : filter.operator}"
    ]) == toset(["database (default) ", "document users/{uid} match-path-pattern"])
    error_message = "The documents that announce_profile hears of."
  }
  assert {
    condition = alltrue([
      for name in ["announce_erasure", "announce_profile", "announce_user"] :
      google_cloudfunctions2_function.this[name].event_trigger[0].service_account_email == google_service_account.called_by[name].email &&
      google_project_iam_member.event_receiver[name].member == google_service_account.called_by[name].member &&
      google_project_iam_member.event_receiver[name].role == "roles/eventarc.eventReceiver"
    ])
    error_message = "Events must arrive under the function's own caller."
  }
  assert {
    condition     = keys(google_project_iam_member.event_receiver) == ["announce_erasure", "announce_profile", "announce_user"]
    error_message = "A function without events may receive them."
  }
}

run "firestore_triggers_follow_the_database" {
  command = plan

  variables {
    firestore_location = "nam5"
  }
  assert {
    condition     = google_cloudfunctions2_function.this["announce_profile"].event_trigger[0].trigger_region == "nam5"
    error_message = "The trigger must lie where the database does."
  }
}

run "http_functions_are_as_open_as_the_catalog_says" {
  command = plan

  assert {
    condition = {
      for name, function in google_cloudfunctions2_function.this : name => function.service_config[0].ingress_settings
      if function.service_config[0].ingress_settings != "ALLOW_INTERNAL_ONLY"
    } == { receive_document = "ALLOW_ALL" }
    error_message = "Ingress."
  }
  assert {
    condition     = [for name, grant in google_cloud_run_service_iam_member.public : "${name} ${grant.member}"] == ["receive_document allUsers"]
    error_message = "Callers of the public function."
  }
  assert {
    condition = [
      for grant in google_service_account_iam_member.caller : "${grant.service_account_id} ${grant.role} ${grant.member}"
    ] == ["${google_service_account.called_by["sync_status"].name} roles/iam.serviceAccountOpenIdTokenCreator group:operators@example.com"]
    error_message = "Callers that a deployment adds."
  }
  assert {
    condition     = keys(output.webhook_urls) == ["receive_document"]
    error_message = "The addresses to hand out."
  }
}

run "a_sign_in_hook_is_not_there_unless_asked_for" {
  command = plan

  assert {
    condition     = !contains(keys(google_cloudfunctions2_function.this), "announce_sign_in")
    error_message = "A function stands in the way of every sign-in."
  }
  assert {
    condition     = length(google_identity_platform_config.sign_in) == 0
    error_message = "The sign-in configuration is touched."
  }
}

run "a_sign_in_hook_is_called_by_firebase_at_its_run_app_address" {
  variables {
    sign_in_hook = true
  }
  assert {
    condition     = google_cloudfunctions2_function.this["announce_sign_in"].service_config[0].ingress_settings == "ALLOW_ALL"
    error_message = "Firebase calls from outside the project."
  }
  assert {
    condition     = google_cloud_run_service_iam_member.public["announce_sign_in"].member == "allUsers"
    error_message = "Firebase shows a signed token, and no identity that IAM knows."
  }
  assert {
    condition = one([
      for trigger in google_identity_platform_config.sign_in["announce_sign_in"].blocking_functions[0].triggers :
      "${trigger.event_type} ${trigger.function_uri}"
    ]) == "beforeSignIn ${google_cloudfunctions2_function.this["announce_sign_in"].service_config[0].uri}"
    error_message = "The hook's event, or an address that the SDK would not accept as the token's audience."
  }
}

run "a_deployment_opens_only_what_it_names_callers_for" {
  command = plan

  variables {
    private_ingress = "ALLOW_INTERNAL_AND_GCLB"
  }
  assert {
    condition = {
      for name, function in google_cloudfunctions2_function.this : name => function.service_config[0].ingress_settings
      if function.service_config[0].ingress_settings != "ALLOW_INTERNAL_ONLY"
    } == { receive_document = "ALLOW_ALL", sync_status = "ALLOW_INTERNAL_AND_GCLB" }
    error_message = "Ingress of functions without callers."
  }
}

run "schedules_call_with_an_identity_and_are_missed_when_silent" {
  command = plan

  assert {
    condition = { for name, job in google_cloud_scheduler_job.this : name => "${job.schedule} ${job.time_zone} ${job.attempt_deadline}" } == {
      reconcile    = "17 2 * * * Etc/UTC 60s"
      relay_outbox = "* * * * * Etc/UTC 60s"
      sweep        = "*/5 * * * * Etc/UTC 60s"
      tidy         = "0 3 * * 0 Etc/UTC 60s"
    }
    error_message = "Schedules."
  }
  assert {
    condition = {
      for name, policy in google_monitoring_alert_policy.schedule :
      name => one(regex("\\[(\\w+)\\]\\)$", policy.conditions[0].condition_prometheus_query_language[0].query))
    } == { reconcile = "24h", relay_outbox = "15m", sweep = "3h" }
    error_message = "How long a schedule may be silent."
  }
}

run "names_are_cut_and_stay_apart" {
  command = plan

  assert {
    condition = alltrue([
      google_service_account.runs_as["store_user"].account_id == "fn-store-user",
      google_service_account.called_by["store_user"].account_id == "in-store-user",
      length(google_service_account.runs_as["mirror_user_to_storage_first"].account_id) == 30,
      startswith(google_service_account.runs_as["mirror_user_to_storage_first"].account_id, "fn-mirror-user-to-stora"),
      google_service_account.runs_as["mirror_user_to_storage_first"].account_id != google_service_account.runs_as["mirror_user_to_storage_second"].account_id,
    ])
    error_message = "Service accounts of functions with long names."
  }
}

run "a_private_core_is_reached_through_the_connector" {
  command = plan

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this :
      function.service_config[0].vpc_connector == google_vpc_access_connector.this[0].id &&
      function.service_config[0].vpc_connector_egress_settings == "PRIVATE_RANGES_ONLY"
    ])
    error_message = "A function does not go through the connector."
  }
}

run "auth_events_can_come_by_the_first_generation" {
  command = plan

  variables {
    auth_trigger = "gen1"
    kms_key      = "projects/keys/locations/asia-south1/keyRings/health/cryptoKeys/sync"
  }
  assert {
    condition = { for name, function in google_cloudfunctions_function.auth : name => "${function.event_trigger[0].event_type} ${function.event_trigger[0].failure_policy[0].retry} ${function.available_memory_mb}" } == {
      announce_erasure = "providers/firebase.auth/eventTypes/user.delete true 512"
      announce_user    = "providers/firebase.auth/eventTypes/user.create true 1024"
    }
    error_message = "Auth functions of the first generation."
  }
  assert {
    condition = alltrue([
      for function in google_cloudfunctions_function.auth :
      [for secret in function.secret_environment_variables : "${secret.key} ${secret.secret} ${secret.version}"] == ["FINGERPRINT_KEY FINGERPRINT_KEY 4"]
    ])
    error_message = "Secrets of Auth functions of the first generation."
  }
  assert {
    condition = alltrue([
      for function in google_cloudfunctions_function.auth :
      alltrue([for secret in function.secret_environment_variables : secret.project_id != var.project])
    ])
    error_message = "A secret's project that no second plan would find unchanged."
  }
  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions_function.auth :
      function.ingress_settings == "ALLOW_INTERNAL_ONLY" && function.kms_key_name == var.kms_key && function.service_account_email == google_service_account.runs_as[name].email
    ])
    error_message = "An Auth function of the first generation that is open, not under the key, or runs as another."
  }
  assert {
    condition     = length([for name in keys(google_cloudfunctions2_function.this) : name if contains(["announce_user", "announce_erasure"], name)]) == 0
    error_message = "An Auth function is deployed twice."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.function["announce_user"].conditions[0].condition_threshold[0].filter, "cloudfunctions.googleapis.com/function/execution_count")
    error_message = "The alert watches the other generation."
  }
}

run "auth_events_can_be_left_to_reconciliation" {
  command = plan

  variables {
    auth_trigger = "none"
  }
  assert {
    condition     = length(google_cloudfunctions_function.auth) == 0 && length(setintersection(keys(google_service_account.runs_as), ["announce_user", "announce_erasure"])) == 0
    error_message = "An Auth function is left."
  }
}
