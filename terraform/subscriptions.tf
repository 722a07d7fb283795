# A push subscription of our own for every step. Eventarc would make one by itself, but without dead
# letters, with a day's retention and with no say in the acknowledgement deadline.
#
# A subscription is named like its function: park_dead_letter learns from that name which step gave
# up, and the local stack names them the same.

resource "google_pubsub_subscription" "step" {
  for_each = local.by_kind.topic

  name                       = each.value.id
  topic                      = google_pubsub_topic.this[each.value.trigger.topic].id
  ack_deadline_seconds       = each.value.ack_deadline_s
  message_retention_duration = "${each.value.retention_s}s"

  labels = {
    chain = each.value.chain
  }

  # Never: a subscription that is quiet for 31 days would vanish, and messages with it.
  expiration_policy {
    ttl = ""
  }

  push_config {
    push_endpoint = google_cloudfunctions2_function.this[each.key].service_config[0].uri

    oidc_token {
      audience              = google_cloudfunctions2_function.this[each.key].service_config[0].uri
      service_account_email = google_service_account.called_by[each.key].email
    }
  }

  retry_policy {
    minimum_backoff = "${each.value.min_backoff_s}s"
    maximum_backoff = "${each.value.max_backoff_s}s"
  }

  # A dead letter that fails must not become a dead letter again: that would be a circle.
  dynamic "dead_letter_policy" {
    for_each = each.value.trigger.topic == local.dead_letter ? [] : [local.dead_letter]

    content {
      dead_letter_topic     = google_pubsub_topic.this[dead_letter_policy.value].id
      max_delivery_attempts = each.value.max_attempts
    }
  }

  depends_on = [
    google_cloud_run_service_iam_member.called_by,
    google_pubsub_topic_iam_member.dead_letter,
  ]
}

# Nobody consumes this one: it keeps every dead letter for a person to look at and to replay.
resource "google_pubsub_subscription" "kept" {
  name                       = "${local.dead_letter}-kept"
  topic                      = google_pubsub_topic.this[local.dead_letter].id
  ack_deadline_seconds       = 600
  message_retention_duration = "2678400s" # 31 days, the longest there is

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub itself forwards dead letters: it publishes to the topic and acknowledges at the source.
# Without both grants it silently keeps retrying.
resource "google_pubsub_topic_iam_member" "dead_letter" {
  topic  = google_pubsub_topic.this[local.dead_letter].id
  role   = "roles/pubsub.publisher"
  member = local.service_agents["gcp-sa-pubsub"]
}

resource "google_pubsub_subscription_iam_member" "dead_letter" {
  for_each = local.by_kind.topic

  subscription = google_pubsub_subscription.step[each.key].id
  role         = "roles/pubsub.subscriber"
  member       = local.service_agents["gcp-sa-pubsub"]
}

# Kept dead letters name patients by their ids: an erasure takes those of its patient out.
resource "google_pubsub_subscription_iam_member" "kept" {
  for_each = { for name, function in local.functions : name => function if name == "certify_erasure" }

  subscription = google_pubsub_subscription.kept.id
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.runs_as[each.key].member
}
