# What must hold for every function of shared/catalog.json, however many there are. Expectations are
# computed from the catalog alone, never from what the configuration made of it.

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

run "every_function_is_deployed_under_its_own_entry_point" {
  assert {
    condition = { for name, function in google_cloudfunctions2_function.this : name => function.build_config[0].entry_point } == {
      for name in keys(local.catalog.functions) : name => name
    }
    error_message = "Functions or entry points differ from the catalog."
  }
  assert {
    condition     = alltrue([for name, function in google_cloudfunctions2_function.this : function.name == replace(name, "_", "-")])
    error_message = "A function's name."
  }
  assert {
    condition     = toset([for topic in google_pubsub_topic.this : topic.name]) == toset(keys(local.catalog.topics))
    error_message = "Topics differ from the catalog."
  }
}

run "every_step_has_dead_letters" {
  command = plan

  assert {
    condition = alltrue([
      for name, function in local.catalog.functions : (
        function.trigger.topic == "dead-letter" ?
        length(google_pubsub_subscription.step[name].dead_letter_policy) == 0 :
        google_pubsub_subscription.step[name].dead_letter_policy[0].dead_letter_topic == google_pubsub_topic.this["dead-letter"].id
      ) if function.trigger.kind == "topic"
    ])
    error_message = "A step lacks its dead letter policy, or the dead letters' own consumer has one."
  }
  assert {
    condition = alltrue([
      for name, subscription in google_pubsub_subscription.step :
      google_pubsub_subscription_iam_member.dead_letter[name].subscription == subscription.id &&
      google_pubsub_subscription_iam_member.dead_letter[name].role == "roles/pubsub.subscriber" &&
      google_pubsub_subscription_iam_member.dead_letter[name].member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    ])
    error_message = "Pub/Sub may not acknowledge what it forwards."
  }
  assert {
    condition = alltrue([
      google_pubsub_topic_iam_member.dead_letter.topic == google_pubsub_topic.this["dead-letter"].id,
      google_pubsub_topic_iam_member.dead_letter.role == "roles/pubsub.publisher",
      google_pubsub_topic_iam_member.dead_letter.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com",
    ])
    error_message = "Pub/Sub may not publish dead letters."
  }
  assert {
    condition = alltrue([
      google_pubsub_subscription.kept.name == "dead-letter-kept",
      google_pubsub_subscription.kept.topic == google_pubsub_topic.this["dead-letter"].id,
      google_pubsub_subscription.kept.message_retention_duration == "2678400s",
      google_pubsub_subscription.kept.expiration_policy[0].ttl == "",
      length(google_pubsub_subscription.kept.push_config) == 0,
    ])
    error_message = "Dead letters are not kept for a person."
  }
  assert {
    condition = alltrue([
      google_pubsub_subscription_iam_member.kept["certify_erasure"].subscription == google_pubsub_subscription.kept.id,
      google_pubsub_subscription_iam_member.kept["certify_erasure"].role == "roles/pubsub.subscriber",
      google_pubsub_subscription_iam_member.kept["certify_erasure"].member == google_service_account.runs_as["certify_erasure"].member,
    ])
    error_message = "An erasure cannot take what names the patient out of the kept dead letters."
  }
}

run "every_call_carries_the_functions_own_caller" {
  command = plan

  assert {
    condition = alltrue([
      for name, subscription in google_pubsub_subscription.step : alltrue([
        subscription.name == replace(name, "_", "-"),
        subscription.topic == google_pubsub_topic.this[local.catalog.functions[name].trigger.topic].id,
        subscription.push_config[0].push_endpoint == google_cloudfunctions2_function.this[name].service_config[0].uri,
        subscription.push_config[0].oidc_token[0].audience == google_cloudfunctions2_function.this[name].service_config[0].uri,
        subscription.push_config[0].oidc_token[0].service_account_email == google_service_account.called_by[name].email,
      ])
    ])
    error_message = "A push subscription's topic, address, audience or identity."
  }
  assert {
    condition = toset(keys(google_pubsub_subscription.step)) == toset([
      for name, function in local.catalog.functions : name if function.trigger.kind == "topic"
    ])
    error_message = "Steps without a subscription."
  }
  assert {
    condition = { for name, job in google_cloud_scheduler_job.this : name => "${job.schedule} ${job.http_target[0].uri} ${job.http_target[0].oidc_token[0].audience} ${job.http_target[0].oidc_token[0].service_account_email}" } == {
      for name, function in local.catalog.functions : name => join(" ", [
        function.trigger.cron,
        google_cloudfunctions2_function.this[name].service_config[0].uri,
        google_cloudfunctions2_function.this[name].service_config[0].uri,
        google_service_account.called_by[name].email,
      ]) if function.trigger.kind == "schedule"
    }
    error_message = "A schedule's cron, address, audience or identity."
  }
  assert {
    condition = alltrue([
      for name in keys(local.catalog.functions) :
      google_cloud_run_service_iam_member.called_by[name].service == replace(name, "_", "-") &&
      google_cloud_run_service_iam_member.called_by[name].role == "roles/run.invoker" &&
      google_cloud_run_service_iam_member.called_by[name].member == google_service_account.called_by[name].member
    ])
    error_message = "A function's caller may not call it, or calls another."
  }
  assert {
    condition = {
      for name, function in google_cloudfunctions2_function.this :
      name => function.service_config[0].environment_variables["CALLED_BY"]
      if contains(keys(function.service_config[0].environment_variables), "CALLED_BY")
      } == {
      for name, function in local.catalog.functions : name => google_service_account.called_by[name].email
      if contains(["http", "schedule", "topic"], function.trigger.kind) && !try(function.trigger.public, false)
    }
    error_message = "A private function that does not know its caller, or a public one that does."
  }
}

run "every_failure_is_tried_again" {
  command = plan

  assert {
    condition = alltrue([
      for name, subscription in google_pubsub_subscription.step : alltrue([
        subscription.retry_policy[0].minimum_backoff == "${try(local.catalog.functions[name].min_backoff_s, local.catalog.defaults.min_backoff_s)}s",
        subscription.retry_policy[0].maximum_backoff == "${try(local.catalog.functions[name].max_backoff_s, local.catalog.defaults.max_backoff_s)}s",
        subscription.expiration_policy[0].ttl == "",
      ])
    ])
    error_message = "A subscription's backoff, or one that would expire."
  }
  assert {
    condition = alltrue(flatten([
      for function in google_cloudfunctions2_function.this : [
        for trigger in function.event_trigger : trigger.retry_policy == "RETRY_POLICY_RETRY"
      ]
    ]))
    error_message = "An event-driven function that does not retry."
  }
  assert {
    condition     = alltrue([for job in google_cloud_scheduler_job.this : job.retry_config[0].retry_count > 0])
    error_message = "A schedule that does not retry."
  }
}

run "no_function_outlives_its_deadline" {
  command = plan

  assert {
    condition = alltrue([
      for name, subscription in google_pubsub_subscription.step :
      google_cloudfunctions2_function.this[name].service_config[0].timeout_seconds <= subscription.ack_deadline_seconds &&
      subscription.ack_deadline_seconds <= 600
    ])
    error_message = "A step may still work on a message that Pub/Sub already delivers again."
  }
  assert {
    condition = alltrue([
      for name, job in google_cloud_scheduler_job.this :
      job.attempt_deadline == "${google_cloudfunctions2_function.this[name].service_config[0].timeout_seconds}s"
    ])
    error_message = "Cloud Scheduler gives up before the function does."
  }
}

run "core_is_not_asked_for_more_connections_than_it_has" {
  command = plan

  assert {
    condition = sum([
      for name, function in local.catalog.functions :
      google_cloudfunctions2_function.this[name].service_config[0].max_instance_count * tonumber(google_cloudfunctions2_function.this[name].service_config[0].environment_variables["CORE_POOL_SIZE"])
      if contains(function.secrets, "CORE_DSN")
    ]) <= var.core_connections
    error_message = "Instances x pool exceed core_connections."
  }
  assert {
    condition = alltrue([
      for name, function in local.catalog.functions :
      google_cloudfunctions2_function.this[name].service_config[0].environment_variables["CORE_POOL_SIZE"] == tostring(google_cloudfunctions2_function.this[name].service_config[0].max_instance_request_concurrency)
      if contains(function.secrets, "CORE_DSN")
    ])
    error_message = "A pool is not as large as what its instance handles at once."
  }
}
