# What no single function shows: a chain through which nothing passes, a schedule that is silent.

locals {
  chain_steps = {
    for chain in distinct([for step in local.by_kind.topic : step.chain]) : chain => join(",", [
      for step in local.by_kind.topic : "\"${step.id}\"" if step.chain == chain
    ])
  }

  # How long a schedule may be silent: by its cron's minute, hour and day fields. PromQL takes a
  # window and a retest of 25 hours together, so one that runs less than daily cannot be watched.
  silence = {
    for name, function in local.by_kind.schedule : name => (
      split(" ", function.trigger.cron)[0] == "*" ? { window = "15m", retest_s = 0 } :
      split(" ", function.trigger.cron)[1] == "*" ? { window = "3h", retest_s = 0 } :
      { window = "24h", retest_s = 3600 }
    ) if join(" ", slice(split(" ", function.trigger.cron), 2, 5)) == "* * *"
  }
}

resource "google_monitoring_alert_policy" "chain" {
  for_each = local.chain_steps

  display_name          = "chain ${each.key} is stalled"
  combiner              = "AND"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels
  user_labels           = { chain = each.key }

  conditions {
    display_name = "messages wait"

    condition_threshold {
      filter          = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND ${local.of_subscription}=one_of(${each.value})"
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "${var.alert_after_s}s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_MIN"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  conditions {
    display_name = "none is acknowledged"

    condition_threshold {
      filter                  = "metric.type=\"pubsub.googleapis.com/subscription/push_request_count\" AND metric.labels.response_class=\"ack\" AND ${local.of_subscription}=one_of(${each.value})"
      comparison              = "COMPARISON_LT"
      threshold_value         = 1
      duration                = "${var.alert_after_s}s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE" # nothing delivered is no data

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content = "${local.catalog.chains[each.key]}. Messages wait and none was acknowledged for ${var.alert_after_s} seconds: a store is away, or the chain's credentials are refused."
  }
}

resource "google_monitoring_alert_policy" "schedule" {
  for_each = local.silence

  display_name          = "${each.key} did not run"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = var.notification_channels
  user_labels           = { function = each.key }

  conditions {
    display_name = "${each.key}: no successful run within ${each.value.window}"

    condition_prometheus_query_language {
      query               = "absent_over_time(run_googleapis_com:request_count{monitored_resource=\"cloud_run_revision\",service_name=\"${local.functions[each.key].id}\",response_code_class=\"2xx\"}[${each.value.window}])"
      duration            = "${each.value.retest_s}s"
      evaluation_interval = "60s"
    }
  }

  documentation {
    content = "Cloud Scheduler's job `${local.functions[each.key].id}` is paused, refused or failing. What its sweep would find waits meanwhile, nothing is lost."
  }
}
