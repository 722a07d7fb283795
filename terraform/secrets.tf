# The secrets the catalog names: the containers and who may read them. Values are added outside of
# Terraform, so none is in its state; a function gets the version pinned in secret_versions, so a
# rotation is a plan that shows what it changes, and a rollback is another.

locals {
  secrets = toset(flatten([for function in local.functions : values(function.secret_ids)]))

  # The names under which functions get them.
  secret_settings = toset(flatten([for function in local.functions : function.secrets]))

  secret_readers = {
    for grant in flatten([
      for name, function in local.functions : [
        for secret in values(function.secret_ids) : { function = name, secret = secret }
      ]
    ]) : "${grant.function}/${grant.secret}" => grant
  }
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  secret_id           = each.key
  version_destroy_ttl = "604800s" # a version destroyed by mistake can be had back for a week

  replication {
    user_managed {
      replicas {
        location = var.region

        dynamic "customer_managed_encryption" {
          for_each = var.kms_key[*]

          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.service_agent]
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.secret_readers

  secret_id = google_secret_manager_secret.this[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.runs_as[each.value.function].member
}
