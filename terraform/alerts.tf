# One policy per function, one per chain, one per schedule. Thresholds on Google's own metrics; what
# only the functions' logs know is in log_metrics.tf.

locals {
  of_subscription = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id"

  # Requests that failed, of all. A caller's mistake on an HTTP function is not ours; elsewhere a 4xx
  # is (a missing grant answers 403), save 429, which is a step asking for a pause.
  requests = {
    for name, function in local.functions : name => contains(keys(local.gen1), name) ? {
      all    = "metric.type=\"cloudfunctions.googleapis.com/function/execution_count\" AND resource.type=\"cloud_function\" AND resource.labels.function_name=\"${function.id}\""
      failed = "metric.labels.status!=\"ok\""
      } : {
      all    = "metric.type=\"run.googleapis.com/request_count\" AND resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${function.id}\""
      failed = function.trigger.kind == "http" ? "metric.labels.response_code_class=\"5xx\"" : "metric.labels.response_code_class!=\"2xx\" AND metric.labels.response_code!=\"429\""
    }
  }

  conditions = {
    for name, function in local.functions : name => concat(
      [{
        title       = "more than ${var.alert_error_ratio * 100} % of requests failed"
        filter      = "${local.requests[name].all} AND ${local.requests[name].failed}"
        denominator = [local.requests[name].all]
        aligner     = "ALIGN_DELTA"
        threshold   = var.alert_error_ratio
        duration_s  = var.alert_after_s
      }],
      [for step in [function] : {
        title       = "a message waits longer than ${var.alert_after_s} s"
        filter      = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND ${local.of_subscription}=\"${step.id}\""
        denominator = []
        aligner     = "ALIGN_MAX"
        threshold   = var.alert_after_s
        duration_s  = 0
      } if step.trigger.kind == "topic"],
      [for step in [function] : {
        title       = "dead letters"
        filter      = "metric.type=\"pubsub.googleapis.com/subscription/dead_letter_message_count\" AND ${local.of_subscription}=\"${step.id}\""
        denominator = []
        aligner     = "ALIGN_DELTA"
        threshold   = 0
        duration_s  = 0
      } if try(step.trigger.topic, local.dead_letter) != local.dead_letter],
    )
  }
}

resource "google_monitoring_alert_policy" "function" {
  for_each = local.functions

  display_name          = "${each.key} (${each.value.chain})"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = var.notification_channels
  user_labels           = { function = each.key, chain = each.value.chain }

  dynamic "conditions" {
    for_each = local.conditions[each.key]

    content {
      display_name = "${each.key}: ${conditions.value.title}"

      condition_threshold {
        filter             = conditions.value.filter
        denominator_filter = one(conditions.value.denominator)
        comparison         = "COMPARISON_GT"
        threshold_value    = conditions.value.threshold
        duration           = "${conditions.value.duration_s}s"

        aggregations {
          alignment_period     = "300s"
          per_series_aligner   = conditions.value.aligner
          cross_series_reducer = conditions.value.aligner == "ALIGN_MAX" ? "REDUCE_MAX" : "REDUCE_SUM"
        }

        dynamic "denominator_aggregations" {
          for_each = conditions.value.denominator

          content {
            alignment_period     = "300s"
            per_series_aligner   = "ALIGN_DELTA"
            cross_series_reducer = "REDUCE_SUM"
          }
        }
      }
    }
  }

  documentation {
    content = "The log lines of `${each.value.id}` with severity WARNING or above carry a `code`; the ledger (sync.ledger, step `${each.key}`) says which entities wait or are parked, and why."
  }
}
