# Who read or changed what through Google's APIs, kept for years. Pub/Sub writes no such lines for
# publishing and delivering; the journal in core (sync.journal) is the trail of the sync itself.

resource "google_project_iam_audit_config" "this" {
  for_each = var.audited_services

  project = var.project
  service = each.key

  dynamic "audit_log_config" {
    for_each = toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])

    content {
      log_type = audit_log_config.value
    }
  }
}

resource "google_logging_project_bucket_config" "audit" {
  project        = var.project
  location       = var.region
  bucket_id      = "healbridge-audit"
  description    = "Data access of the sync's services"
  retention_days = var.audit_retention_days

  # The lines name documents by their paths, and uids stand in those.
  dynamic "cmek_settings" {
    for_each = var.kms_key[*]

    content {
      kms_key_name = cmek_settings.value
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.logging]
}

resource "google_logging_project_sink" "audit" {
  name                   = "healbridge-audit"
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.audit.id}"
  filter                 = "log_id(\"cloudaudit.googleapis.com/activity\") OR log_id(\"cloudaudit.googleapis.com/data_access\")"
  unique_writer_identity = true
}
