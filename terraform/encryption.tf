# Google's own identities in the project, and their use of the customer-managed key, if there is one.
# Auth and Firestore events on their way lie in a channel of Google's, which this key does not cover.

locals {
  service_agents = {
    for agent in [
      "gcf-admin-robot",         # Cloud Functions
      "gcp-sa-artifactregistry", # images
      "gcp-sa-eventarc",         # event-driven functions
      "gcp-sa-pubsub",           # topics; also forwards dead letters
      "gcp-sa-secretmanager",    # secrets
      "gs-project-accounts",     # the source bucket
      "serverless-robot-prod",   # Cloud Run
    ] : agent => "serviceAccount:service-${data.google_project.this.number}@${agent}.iam.gserviceaccount.com"
  }
}

resource "google_kms_crypto_key_iam_member" "service_agent" {
  for_each = { for agent, member in local.service_agents : agent => member if var.kms_key != null }

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value
}

# Cloud Logging has an identity of its own in every project, which only it can name.
data "google_logging_project_cmek_settings" "this" {
  count = var.kms_key == null ? 0 : 1

  project = var.project
}

resource "google_kms_crypto_key_iam_member" "logging" {
  count = var.kms_key == null ? 0 : 1

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${data.google_logging_project_cmek_settings.this[0].service_account_id}"
}
