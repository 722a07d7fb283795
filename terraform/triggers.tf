# What starts the event-driven functions. They only announce to a topic of ours, since Eventarc
# offers no dead letters; they retry for Eventarc's 24 hours, and reconciliation finds the rest.

locals {
  events = merge(
    {
      for name, function in local.by_kind.auth : name => {
        type    = "google.firebase.auth.user.v2.${function.trigger.event}"
        region  = "global" # the only location these events have; the function stays regional
        filters = []
      }
    },
    {
      for name, function in local.by_kind.firestore : name => {
        type   = "google.cloud.firestore.document.v1.${function.trigger.event}"
        region = coalesce(var.firestore_location, var.region)
        filters = [
          { attribute = "database", value = "(default)", operator = null },
          { attribute = "document", value = function.trigger.document, operator = "match-path-pattern" },
        ]
      }
    },
  )

  # The first generation names its events by the verb, and its memory in MiB.
  gen1_events = { created = "create", deleted = "delete" }
}

resource "google_project_iam_member" "event_receiver" {
  for_each = { for name, event in local.events : name => event if contains(keys(local.gen2), name) }

  project = var.project
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.called_by[each.key].member
}

# The fallback for Auth events: the second generation's are young. See variable auth_trigger.
resource "google_cloudfunctions_function" "auth" {
  for_each = local.gen1

  name                  = each.value.id
  region                = var.region
  runtime               = "python312" # the first generation has none newer
  entry_point           = each.key
  available_memory_mb   = tonumber(regex("^\\d+", each.value.memory)) * (endswith(each.value.memory, "Gi") ? 1024 : 1)
  timeout               = each.value.timeout_s
  min_instances         = each.value.min_instances
  max_instances         = each.value.max_instances
  ingress_settings      = "ALLOW_INTERNAL_ONLY"
  service_account_email = google_service_account.runs_as[each.key].email
  source_archive_bucket = google_storage_bucket.source.name
  source_archive_object = google_storage_bucket_object.source.name
  docker_repository     = google_artifact_registry_repository.images.id
  build_service_account = google_service_account.build.id
  kms_key_name          = var.kms_key
  environment_variables = local.settings[each.key]

  labels = {
    chain = each.value.chain
  }

  dynamic "secret_environment_variables" {
    for_each = each.value.secret_ids

    content {
      # Without project_id: the first generation keeps the project's number, so that its id would be
      # a change in every plan (terraform-provider-google#11383).
      key     = secret_environment_variables.key
      secret  = google_secret_manager_secret.this[secret_environment_variables.value].secret_id
      version = lookup(var.secret_versions, secret_environment_variables.value, "none")
    }
  }

  event_trigger {
    event_type = "providers/firebase.auth/eventTypes/user.${local.gen1_events[each.value.trigger.event]}"
    resource   = "projects/${var.project}"

    failure_policy {
      retry = true
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build,
    google_secret_manager_secret_iam_member.reader,
    terraform_data.catalog,
  ]
}

# The optional sign-in hook. This turns Identity Platform on, which is done once for a project: one that
# is on is imported (docs/deploy.md, section 6). It has one configuration per project: where that is
# kept elsewhere, add the trigger there and leave sign_in_hook false.
resource "google_identity_platform_config" "sign_in" {
  for_each = local.by_kind.blocking

  project = var.project

  blocking_functions {
    triggers {
      event_type   = "beforeSignIn"
      function_uri = google_cloudfunctions2_function.this[each.key].service_config[0].uri
    }
  }

  depends_on = [google_cloud_run_service_iam_member.public]
}
