# Somebody is told: alerts, dashboard, audit and budget, for every function of shared/catalog.json.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  sign_in_hook = true
  secret_versions = {
    for secret in toset(flatten([
      for function in jsondecode(file("../shared/catalog.json")).functions : [
        for secret in function.secrets : secret == "CORE_DSN" ? "CORE_DSN_${upper(function.core_role)}" : secret
      ]
    ])) : secret => tostring(length(secret))
  }
}

run "every_function_has_an_alert" {
  assert {
    condition = alltrue([
      for name in keys(local.catalog.functions) : anytrue([
        for condition in google_monitoring_alert_policy.function[name].conditions :
        strcontains(condition.condition_threshold[0].filter, "run.googleapis.com/request_count") &&
        strcontains(condition.condition_threshold[0].filter, "service_name=\"${replace(name, "_", "-")}\"") &&
        condition.condition_threshold[0].denominator_filter != null
      ])
    ])
    error_message = "A function whose failures nobody hears of."
  }
  assert {
    condition = alltrue(flatten([
      for name, function in local.catalog.functions : [
        for metric in concat(["oldest_unacked_message_age"], function.trigger.topic == "dead-letter" ? [] : ["dead_letter_message_count"]) : anytrue([
          for condition in google_monitoring_alert_policy.function[name].conditions :
          strcontains(condition.condition_threshold[0].filter, "/${metric}\"") &&
          strcontains(condition.condition_threshold[0].filter, "subscription_id=\"${replace(name, "_", "-")}\"")
        ])
      ] if function.trigger.kind == "topic"
    ]))
    error_message = "A step whose dead letters or waiting messages nobody hears of."
  }
}

run "every_alert_reaches_somebody" {
  command = plan

  assert {
    condition = alltrue([
      for policy in concat(
        values(google_monitoring_alert_policy.chain), values(google_monitoring_alert_policy.function),
        values(google_monitoring_alert_policy.logged), values(google_monitoring_alert_policy.schedule),
      ) : policy.notification_channels == tolist(var.notification_channels) && policy.documentation[0].content != ""
    ])
    error_message = "An alert without a channel or without advice."
  }
  assert {
    condition     = google_billing_budget.this[0].all_updates_rule[0].monitoring_notification_channels == tolist(var.notification_channels)
    error_message = "Nobody hears of the budget."
  }
}

run "a_stalled_chain_and_a_silent_schedule_are_noticed" {
  command = plan

  assert {
    condition = alltrue([
      for function_name, function in local.catalog.functions : alltrue([
        for condition in google_monitoring_alert_policy.chain[function.chain].conditions :
        strcontains(condition.condition_threshold[0].filter, "\"${replace(function_name, "_", "-")}\"")
      ]) if function.trigger.kind == "topic"
    ])
    error_message = "A step that its chain's alert does not see."
  }
  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.chain : policy.combiner == "AND" && length(policy.conditions) == 2])
    error_message = "Waiting alone, or quiet alone, is no stall."
  }
  assert {
    condition = alltrue([
      for name, function in local.catalog.functions : strcontains(
        google_monitoring_alert_policy.schedule[name].conditions[0].condition_prometheus_query_language[0].query,
        "service_name=\"${replace(name, "_", "-")}\"",
      ) if function.trigger.kind == "schedule"
    ])
    error_message = "A schedule that may fall silent unnoticed."
  }
}

run "a_planted_text_in_the_logs_is_noticed" {
  command = plan

  assert {
    condition     = strcontains(google_logging_metric.this["planted"].filter, "\"Planted Asha Testperson\"") && google_monitoring_alert_policy.logged["planted"].severity == "CRITICAL"
    error_message = "The planted text."
  }
  assert {
    condition = alltrue([
      for name, policy in google_monitoring_alert_policy.logged :
      strcontains(policy.conditions[0].condition_threshold[0].filter, "logging.googleapis.com/user/healbridge-${name}\"") &&
      policy.conditions[0].condition_threshold[0].threshold_value == 0
    ])
    error_message = "An alert that looks at another metric."
  }
}

run "a_canary_that_does_not_arrive_is_noticed_with_its_step" {
  command = plan

  assert {
    condition     = strcontains(google_logging_metric.this["canary"].filter, "jsonPayload.message=\"canary_stalled\"")
    error_message = "The canary's log line."
  }
  assert {
    condition     = google_monitoring_alert_policy.logged["canary"].severity == "CRITICAL" && google_monitoring_alert_policy.logged["canary"].conditions[0].condition_threshold[0].aggregations[0].group_by_fields == tolist(["metric.label.step"])
    error_message = "The canary's alert, or the step it names."
  }
}

run "the_dashboard_shows_every_chain" {
  command = plan

  assert {
    condition = alltrue([
      for sentence in values(local.catalog.chains) :
      strcontains(jsondecode(google_monitoring_dashboard.this.dashboard_json).gridLayout.widgets[0].text.content, sentence)
    ])
    error_message = "A chain that the dashboard does not name."
  }
  assert {
    condition = alltrue([
      for name, function in local.catalog.functions : anytrue([
        for widget in jsondecode(google_monitoring_dashboard.this.dashboard_json).gridLayout.widgets : anytrue([
          for set in try(widget.xyChart.dataSets, []) :
          strcontains(set.timeSeriesQuery.timeSeriesFilter.filter, "\"${replace(name, "_", "-")}\"")
        ])
      ])
    ])
    error_message = "A function that no chart shows."
  }
}

run "access_to_health_data_is_on_record" {
  command = plan

  assert {
    condition = alltrue([
      for service in ["datastore.googleapis.com", "identitytoolkit.googleapis.com", "secretmanager.googleapis.com"] :
      toset([for config in google_project_iam_audit_config.this[service].audit_log_config : config.log_type]) == toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])
    ])
    error_message = "Access that leaves no trace."
  }
  assert {
    condition     = google_logging_project_bucket_config.audit.retention_days == 2192 && strcontains(google_logging_project_sink.audit.filter, "data_access")
    error_message = "Audit lines are not kept."
  }
}

run "no_line_about_a_request_names_a_patient_or_who_asked" {
  command = plan

  assert {
    condition = google_logging_project_exclusion.requests.filter == join(" AND ", [
      "log_id(\"run.googleapis.com/requests\")", "resource.type=\"cloud_run_revision\"",
      "resource.labels.service_name=(${join(" OR ", [
        for name, function in local.catalog.functions : "\"${replace(name, "_", "-")}\"" if function.trigger.kind == "http"
      ])})",
    ])
    error_message = "Lines about requests to what people call are kept."
  }
}
