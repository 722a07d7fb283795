# Cloud Scheduler calls the scheduled functions. It may call twice; they lease what they work on.

resource "google_cloud_scheduler_job" "this" {
  for_each = local.by_kind.schedule

  name             = each.value.id
  region           = var.region
  description      = "Calls ${each.key}"
  schedule         = each.value.trigger.cron
  time_zone        = "Etc/UTC"
  attempt_deadline = "${each.value.timeout_s}s"
  paused           = var.schedules_paused

  retry_config {
    retry_count          = 3
    min_backoff_duration = "10s"
    max_backoff_duration = "60s"
  }

  http_target {
    http_method = "POST"
    uri         = google_cloudfunctions2_function.this[each.key].service_config[0].uri

    oidc_token {
      audience              = google_cloudfunctions2_function.this[each.key].service_config[0].uri
      service_account_email = google_service_account.called_by[each.key].email
    }
  }

  depends_on = [google_cloud_run_service_iam_member.called_by]
}
