# Every function of the catalog, second generation. All come from one archive and differ in entry
# point, identity, secrets and limits. Auth functions of the first generation are in triggers.tf.

resource "google_cloudfunctions2_function" "this" {
  for_each = local.gen2

  name         = each.value.id
  location     = var.region
  description  = "${each.value.chain}: ${local.catalog.chains[each.value.chain]}"
  kms_key_name = var.kms_key

  labels = {
    chain = each.value.chain
  }

  build_config {
    runtime           = var.runtime
    entry_point       = each.key
    docker_repository = google_artifact_registry_repository.images.id
    service_account   = google_service_account.build.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    available_memory                 = each.value.memory
    available_cpu                    = each.value.cpu
    timeout_seconds                  = each.value.timeout_s
    max_instance_request_concurrency = each.value.concurrency
    min_instance_count               = each.value.min_instances
    max_instance_count               = each.value.max_instances
    all_traffic_on_latest_revision   = true
    service_account_email            = google_service_account.runs_as[each.key].email
    environment_variables            = local.settings[each.key]

    # Internal still admits Pub/Sub, Eventarc and Scheduler of this project, by the run.app address.
    ingress_settings = each.value.public ? "ALLOW_ALL" : (
      contains(keys(var.callers), each.key) ? var.private_ingress : "ALLOW_INTERNAL_ONLY"
    )
    vpc_connector                 = one(google_vpc_access_connector.this[*].id)
    vpc_connector_egress_settings = var.network == null ? null : "PRIVATE_RANGES_ONLY"

    dynamic "secret_environment_variables" {
      for_each = each.value.secret_ids

      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = google_secret_manager_secret.this[secret_environment_variables.value].secret_id
        version    = lookup(var.secret_versions, secret_environment_variables.value, "none")
      }
    }
  }

  dynamic "event_trigger" {
    for_each = try([local.events[each.key]], [])

    content {
      event_type            = event_trigger.value.type
      trigger_region        = event_trigger.value.region
      retry_policy          = "RETRY_POLICY_RETRY"
      service_account_email = google_service_account.called_by[each.key].email

      dynamic "event_filters" {
        for_each = event_trigger.value.filters

        content {
          attribute = event_filters.value.attribute
          value     = event_filters.value.value
          operator  = event_filters.value.operator
        }
      }
    }
  }

  # A deployment reads the secrets and starts the build at once: the grants must be there before.
  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build,
    google_project_iam_member.event_receiver,
    google_secret_manager_secret_iam_member.reader,
    terraform_data.catalog,
  ]
}

locals {
  # Plain settings, by function: see shared/settings.py. Each gets only what it can use.
  settings = {
    for name, function in local.functions : name => merge(
      var.settings,
      { GOOGLE_CLOUD_PROJECT = var.project },
      # Else Cloud Functions sets it to true, and functions-framework writes every log line anew, with
      # Cloud Run's span in the place of ours.
      { LOG_EXECUTION_ID = "false" },
      contains(["http", "schedule", "topic"], function.trigger.kind) && !function.public ? {
        CALLED_BY = google_service_account.called_by[name].email
      } : {},
      contains(keys(local.core_pool), name) ? { CORE_POOL_SIZE = tostring(function.concurrency) } : {},
      contains(function.secrets, "SUPABASE_SERVICE_KEY") ? { SUPABASE_URL = var.supabase_url } : {},
    )
  }
}
