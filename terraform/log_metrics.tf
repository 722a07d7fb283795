# What only the functions' own log lines tell: entities set aside, a canary that did not arrive, and
# content where none may be.

locals {
  of_functions = "resource.type=\"cloud_run_revision\""

  logged = merge(
    {
      canary = {
        description = "A step that the canary, a synthetic patient, did not pass in time"
        filter      = "${local.of_functions} AND jsonPayload.message=\"canary_stalled\""
        labels      = { step = "EXTRACT(jsonPayload.step)" }
        severity    = "CRITICAL"
        advice      = "The chain stands still at this step for every patient, or the step is slower than CANARY_TRAVEL_S. Its own alert and its log lines say why."
      }
      parked = {
        description = "Deliveries that set entities aside: parked, or a conflict for a person"
        filter      = "${local.of_functions} AND (jsonPayload.parked>0 OR jsonPayload.conflict>0 OR jsonPayload.message=\"unreadable\")"
        labels      = { step = "EXTRACT(jsonPayload.step)" }
        severity    = "WARNING"
        advice      = "Permanent for now: the journal (sync.journal) names entities and reasons, sync.conflicts what a person must decide."
      }
    },
    length(var.planted_texts) == 0 ? {} : {
      planted = {
        description = "Log lines that hold what was planted in a synthetic patient"
        filter      = "${local.of_functions} AND (${join(" OR ", [for text in var.planted_texts : jsonencode(text)])})"
        labels      = {}
        severity    = "CRITICAL"
        advice      = "Content of a record reached the logs. Find the line, stop its source, and treat it as a disclosure of health data."
      }
    },
  )
}

resource "google_logging_metric" "this" {
  for_each = local.logged

  name             = "healbridge-${each.key}"
  description      = each.value.description
  filter           = each.value.filter
  label_extractors = each.value.labels

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    dynamic "labels" {
      for_each = each.value.labels

      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }
}

resource "google_monitoring_alert_policy" "logged" {
  for_each = local.logged

  display_name          = each.value.description
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels

  conditions {
    display_name = each.key

    condition_threshold {
      filter          = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.this[each.key].name}\" AND resource.type=\"cloud_run_revision\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = [for label in keys(each.value.labels) : "metric.label.${label}"]
      }
    }
  }

  documentation {
    content = each.value.advice
  }
}
