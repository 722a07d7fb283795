# The catalog's topics. Messages hold ids only, and stay in the regions given.

locals {
  topics = local.catalog.topics
}

resource "google_pubsub_topic" "this" {
  for_each = local.topics

  name         = each.key
  kms_key_name = var.kms_key

  labels = {
    kind = each.value.kind
  }

  message_storage_policy {
    allowed_persistence_regions = coalesce(var.message_regions, [var.region])
  }

  depends_on = [google_kms_crypto_key_iam_member.service_agent]
}
