# Who can do what, for every function of shared/catalog.json: no more than the catalog says.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  sign_in_hook = true
  secret_versions = {
    for secret in toset(flatten([
      for function in jsondecode(file("../shared/catalog.json")).functions : [
        for secret in function.secrets : secret == "CORE_DSN" ? "CORE_DSN_${upper(function.core_role)}" : secret
      ]
    ])) : secret => tostring(length(secret))
  }
}

run "nothing_is_public_but_what_the_catalog_says" {
  assert {
    condition = toset([
      for name, function in google_cloudfunctions2_function.this : name if function.service_config[0].ingress_settings != "ALLOW_INTERNAL_ONLY"
    ]) == toset([for name, function in local.catalog.functions : name if try(function.trigger.public, false)])
    error_message = "Ingress is open where the catalog does not say so, or closed where it does."
  }
  assert {
    condition = toset([for grant in google_cloud_run_service_iam_member.public : grant.service]) == toset([
      for name, function in local.catalog.functions : replace(name, "_", "-") if try(function.trigger.public, false)
    ])
    error_message = "Everybody may call what the catalog does not call public."
  }
  assert {
    condition = length([
      for grant in google_cloud_run_service_iam_member.called_by : grant
      if contains(["allUsers", "allAuthenticatedUsers"], grant.member)
    ]) == 0
    error_message = "Everybody may call a private function."
  }
  assert {
    condition     = google_storage_bucket.source.public_access_prevention == "enforced" && google_storage_bucket.source.uniform_bucket_level_access
    error_message = "The source bucket could be opened."
  }
}

run "a_function_gets_exactly_its_secrets" {
  command = plan

  assert {
    condition = alltrue([
      for name, function in local.catalog.functions :
      toset([
        for secret in google_cloudfunctions2_function.this[name].service_config[0].secret_environment_variables :
        "${secret.key} ${secret.secret} ${secret.version} ${secret.project_id}"
      ]) ==
      toset([
        for key, id in { for secret in function.secrets : secret => secret == "CORE_DSN" ? "CORE_DSN_${upper(function.core_role)}" : secret } :
        "${key} ${id} ${var.secret_versions[id]} ${var.project}"
      ])
    ])
    error_message = "A function's secrets, or their pinned versions."
  }
  assert {
    condition = toset([for grant in google_secret_manager_secret_iam_member.reader : "${grant.secret_id} ${grant.role} ${grant.member}"]) == toset(flatten([
      for name, function in local.catalog.functions : [
        for secret in function.secrets :
        "${google_secret_manager_secret.this[secret == "CORE_DSN" ? "CORE_DSN_${upper(function.core_role)}" : secret].id} roles/secretmanager.secretAccessor ${google_service_account.runs_as[name].member}"
      ]
    ]))
    error_message = "Readers of secrets."
  }
  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this :
      length(setintersection(keys(function.service_config[0].environment_variables), keys(google_secret_manager_secret.this))) == 0
    ])
    error_message = "A secret is given as plain text."
  }
}

run "a_function_publishes_only_what_it_emits" {
  command = plan

  assert {
    condition = toset([for grant in google_pubsub_topic_iam_member.publisher : "${grant.topic} ${grant.role} ${grant.member}"]) == toset(flatten([
      for name, function in local.catalog.functions : [
        for topic in distinct(concat(function.emits, [for own in [try(function.trigger.topic, "dead-letter")] : own if own != "dead-letter"])) :
        "${google_pubsub_topic.this[topic].id} roles/pubsub.publisher ${google_service_account.runs_as[name].member}"
      ]
    ]))
    error_message = "Publishers: each function its topics, and a step the one it consumes."
  }
}

run "every_function_has_its_own_identities" {
  command = plan

  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.this :
      function.service_config[0].service_account_email == google_service_account.runs_as[name].email
    ])
    error_message = "A function runs as another."
  }
  assert {
    condition = length(distinct([
      for account in concat(values(google_service_account.runs_as), values(google_service_account.called_by)) : account.account_id
    ])) == 2 * length(local.catalog.functions)
    error_message = "Two identities share a name."
  }
  assert {
    condition = alltrue([
      for account in concat(values(google_service_account.runs_as), values(google_service_account.called_by)) :
      can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", account.account_id))
    ])
    error_message = "A service account's name: 6 to 30 characters."
  }
  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.this : can(regex("^[a-z][a-z0-9-]{0,47}[a-z0-9]$", function.name))])
    error_message = "A function's name: at most 49 characters (Cloud Run)."
  }
}

run "firebase_is_open_only_to_those_who_need_it" {
  command = plan

  assert {
    condition = {
      canary   = google_project_iam_custom_role.canary.permissions
      claims   = google_project_iam_custom_role.claims.permissions
      erasures = google_project_iam_custom_role.erasures.permissions
      pushes   = google_project_iam_custom_role.pushes.permissions
      } == {
      canary   = toset(["firebaseauth.users.create", "firebaseauth.users.get"])
      claims   = toset(["firebaseauth.users.get", "firebaseauth.users.update"])
      erasures = toset(["firebaseauth.users.delete", "firebaseauth.users.get"])
      pushes   = toset(["cloudmessaging.messages.create"])
    }
    error_message = "A role of our own allows more or less than its duty: who sets claims must not delete accounts."
  }
  assert {
    condition     = toset([for grant in google_project_iam_member.firebase : grant.member]) == toset([for name in keys(local.firebase_roles) : google_service_account.runs_as[name].member])
    error_message = "Firebase is open to others."
  }
}

run "messages_and_secrets_stay_in_their_region_under_the_given_key" {
  variables {
    kms_key         = "projects/keys/locations/asia-south1/keyRings/health/cryptoKeys/sync"
    message_regions = ["asia-south1", "asia-south2"]
  }
  assert {
    condition     = alltrue([for topic in google_pubsub_topic.this : topic.message_storage_policy[0].allowed_persistence_regions == toset(["asia-south1", "asia-south2"])])
    error_message = "Regions of messages."
  }
  assert {
    condition = toset(concat(
      [for topic in google_pubsub_topic.this : topic.kms_key_name],
      [for function in google_cloudfunctions2_function.this : function.kms_key_name],
      [for secret in google_secret_manager_secret.this : secret.replication[0].user_managed[0].replicas[0].customer_managed_encryption[0].kms_key_name],
      [google_artifact_registry_repository.images.kms_key_name, google_storage_bucket.source.encryption[0].default_kms_key_name],
      [google_logging_project_bucket_config.audit.cmek_settings[0].kms_key_name],
    )) == toset([var.kms_key])
    error_message = "Something is not under the key."
  }
  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.this : [for replica in secret.replication[0].user_managed[0].replicas : replica.location] == ["asia-south1"]])
    error_message = "Regions of secrets."
  }
  assert {
    condition     = toset([for grant in google_kms_crypto_key_iam_member.service_agent : grant.member]) == toset(values(local.service_agents))
    error_message = "Google's agents may not use the key."
  }
  assert {
    condition     = google_kms_crypto_key_iam_member.logging[0].crypto_key_id == var.kms_key
    error_message = "Cloud Logging may not use the key."
  }
}
