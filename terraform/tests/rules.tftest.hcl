# Catalogs and variables that must not be deployed: the plan refuses each.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  catalog         = jsondecode(file("tests/every_kind.json"))
  secret_versions = { CORE_DSN_PEOPLE = "3", FINGERPRINT_KEY = "4", SUPABASE_SERVICE_KEY = "1", WEBHOOK_SECRET = "2" }
}

run "the_sound_catalog_is_accepted" {
  command = plan

  # store_user 3 x 8, mirror 5 x 4, sync_status 5 x 4, relay_outbox 2 x 1, park_dead_letter 5 x 4
  variables {
    core_connections = 86
  }
}

run "more_connections_than_core_has_are_refused" {
  command = plan

  variables {
    core_connections = 85
  }
  expect_failures = [terraform_data.catalog]
}

run "a_step_slower_than_its_deadline_is_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      defaults = merge(var.catalog.defaults, { timeout_s = 91 })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "a_deadline_beyond_pubsubs_is_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      defaults = merge(var.catalog.defaults, { ack_deadline_s = 601 })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "a_deadline_below_pubsubs_is_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      functions = merge(var.catalog.functions, {
        store_user = merge(var.catalog.functions.store_user, { ack_deadline_s = 9, timeout_s = 9 })
      })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "too_few_attempts_are_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      defaults = merge(var.catalog.defaults, { max_attempts = 4 })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "too_many_attempts_are_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      defaults = merge(var.catalog.defaults, { max_attempts = 101 })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "a_backoff_beyond_pubsubs_is_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      defaults = merge(var.catalog.defaults, { max_backoff_s = 601 })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "a_backoff_that_shrinks_is_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      defaults = merge(var.catalog.defaults, { min_backoff_s = 10, max_backoff_s = 9 })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "a_retention_beyond_pubsubs_is_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      defaults = merge(var.catalog.defaults, { retention_s = 2678401 })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "several_requests_on_part_of_a_cpu_are_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      defaults = merge(var.catalog.defaults, { cpu = "0.5" })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "an_announcement_longer_than_eventarc_waits_is_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      functions = merge(var.catalog.functions, { announce_user = merge(var.catalog.functions.announce_user, { timeout_s = 541 }) })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "a_scheduled_run_longer_than_scheduler_waits_is_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      functions = merge(var.catalog.functions, { sweep = merge(var.catalog.functions.sweep, { timeout_s = 1801 }) })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "a_name_too_long_for_cloud_run_is_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      functions = merge(var.catalog.functions, { a_name_of_fifty_characters_is_one_too_many_for_itx = var.catalog.functions.sweep })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "an_unknown_kind_of_trigger_is_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, {
      functions = merge(var.catalog.functions, { sweep = merge(var.catalog.functions.sweep, { trigger = { kind = "carrier-pigeon" } }) })
    })
  }
  expect_failures = [terraform_data.catalog]
}

run "a_way_into_core_without_a_role_is_refused" {
  command = plan

  variables {
    catalog = merge(var.catalog, { functions = {
      for name, function in var.catalog.functions : name => { for key, value in function : key => value if key != "core_role" }
    } })
    secret_versions = { CORE_DSN_UNKNOWN = "3", FINGERPRINT_KEY = "4", SUPABASE_SERVICE_KEY = "1", WEBHOOK_SECRET = "2" }
  }
  expect_failures = [terraform_data.catalog]
}

run "a_secret_without_a_version_is_refused" {
  command = plan

  variables {
    secret_versions = { CORE_DSN_PEOPLE = "3", FINGERPRINT_KEY = "4", SUPABASE_SERVICE_KEY = "1" }
  }
  expect_failures = [terraform_data.catalog]
}

run "the_latest_version_is_refused" {
  command = plan

  variables {
    secret_versions = { CORE_DSN_PEOPLE = "latest", FINGERPRINT_KEY = "4", SUPABASE_SERVICE_KEY = "1", WEBHOOK_SECRET = "2" }
  }
  expect_failures = [var.secret_versions]
}

run "a_secret_as_plain_text_is_refused" {
  command = plan

  variables {
    settings = { CORE_DSN = "postgresql://core.example.com/core" }
  }
  expect_failures = [terraform_data.catalog]
}

run "everybody_as_a_caller_is_refused" {
  command = plan

  variables {
    callers = { sync_status = ["allUsers"] }
  }
  expect_failures = [var.callers]
}

run "a_caller_of_nothing_is_refused" {
  command = plan

  variables {
    callers = { sync_statis = ["group:operators@example.com"] }
  }
  expect_failures = [terraform_data.catalog]
}

run "a_missing_archive_is_refused" {
  command = plan

  variables {
    source_zip = "tests/missing.zip"
  }
  expect_failures = [google_storage_bucket_object.source]
}

# One run for all variables: each must be refused, or the run fails.
run "values_that_no_deployment_can_have_are_refused" {
  command = plan

  variables {
    alert_after_s         = 240
    alert_error_ratio     = 1
    audit_retention_days  = 3651
    audited_services      = ["firestore"]
    auth_trigger          = "gen3"
    budget                = { billing_account = "mine", monthly = 100 }
    core_connections      = 0
    firestore_location    = "everywhere"
    kms_key               = "sync"
    message_regions       = []
    network               = { name = "default", connector_range = "10.8.0.0/24" }
    notification_channels = ["oncall@example.com"]
    planted_texts         = ["short"]
    private_ingress       = "ALLOW_EVERYBODY"
    project               = "Our Project"
    region                = "asia"
    runtime               = "python310"
    settings              = { "openai-url" = "https://embeddings.example.com" }
    supabase_url          = "http://abcdefgh.supabase.co/rest"
  }
  expect_failures = [
    var.alert_after_s,
    var.alert_error_ratio,
    var.audit_retention_days,
    var.audited_services,
    var.auth_trigger,
    var.budget,
    var.core_connections,
    var.firestore_location,
    var.kms_key,
    var.message_regions,
    var.network,
    var.notification_channels,
    var.planted_texts,
    var.private_ingress,
    var.project,
    var.region,
    var.runtime,
    var.settings,
    var.supabase_url,
  ]
}
