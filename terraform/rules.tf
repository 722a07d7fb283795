# What a catalog must keep to be deployed. A broken rule fails the plan, before anything is touched;
# names that are nowhere declared (a topic, a chain) fail it by themselves, where they are used.

resource "terraform_data" "catalog" {
  input = local.core_connections

  lifecycle {
    precondition {
      condition     = local.core_connections <= var.core_connections
      error_message = "Functions with CORE_DSN may open ${local.core_connections} connections (max_instances x concurrency, summed); core_connections allows ${var.core_connections}."
    }
    precondition {
      condition = alltrue([
        for function in local.by_kind.topic :
        function.timeout_s <= function.ack_deadline_s && function.ack_deadline_s <= 600
      ])
      error_message = "A step needs timeout_s <= ack_deadline_s <= 600: a message that is still worked on would be delivered again."
    }
    precondition {
      condition     = alltrue([for function in local.by_kind.topic : function.ack_deadline_s >= 10])
      error_message = "ack_deadline_s must be at least 10 (Pub/Sub)."
    }
    precondition {
      condition = alltrue([
        for function in local.by_kind.topic :
        function.max_attempts >= 5 && function.max_attempts <= 100
      ])
      error_message = "max_attempts must be 5 to 100 (Pub/Sub)."
    }
    precondition {
      condition = alltrue([
        for function in local.by_kind.topic :
        0 <= function.min_backoff_s && function.min_backoff_s <= function.max_backoff_s && function.max_backoff_s <= 600
      ])
      error_message = "Backoff needs 0 <= min_backoff_s <= max_backoff_s <= 600 (Pub/Sub)."
    }
    precondition {
      condition = alltrue([
        for function in local.by_kind.topic :
        function.retention_s >= 600 && function.retention_s <= 2678400
      ])
      error_message = "retention_s must be 600 to 2678400, ten minutes to 31 days (Pub/Sub)."
    }
    precondition {
      condition = alltrue([
        for function in merge(local.by_kind.auth, local.by_kind.firestore) : function.timeout_s <= 540
      ])
      error_message = "timeout_s of an event-driven function must be at most 540 (Cloud Functions)."
    }
    precondition {
      condition     = alltrue([for function in local.by_kind.schedule : function.timeout_s >= 15 && function.timeout_s <= 1800])
      error_message = "timeout_s of a scheduled function must be 15 to 1800: Cloud Scheduler waits no longer."
    }
    precondition {
      condition     = alltrue([for function in local.functions : function.concurrency == 1 || tonumber(function.cpu) >= 1])
      error_message = "concurrency above 1 needs at least one cpu (Cloud Run)."
    }
    precondition {
      condition     = alltrue([for function in local.functions : can(regex("^[a-z][a-z0-9-]{0,47}[a-z0-9]$", function.id))])
      error_message = "A function's name must have 2 to 49 letters, digits and underscores, and start with a letter (Cloud Run)."
    }
    precondition {
      condition     = alltrue([for function in local.catalog.functions : contains(keys(local.by_kind), function.trigger.kind)])
      error_message = "A trigger's kind must be auth, blocking, firestore, http, schedule or topic."
    }
    precondition {
      condition     = contains(keys(local.topics), local.dead_letter)
      error_message = "The catalog needs the topic ${local.dead_letter}."
    }
    precondition {
      condition     = alltrue([for function in local.functions : contains(function.secrets, "CORE_DSN") == can(length(function.core_role))])
      error_message = "A function with CORE_DSN needs a core_role, and only such a function."
    }
    precondition {
      condition     = length(setsubtract(local.secrets, keys(var.secret_versions))) == 0
      error_message = "secret_versions lacks ${join(", ", setsubtract(local.secrets, keys(var.secret_versions)))}."
    }
    precondition {
      condition     = length(setintersection(local.secret_settings, keys(var.settings))) == 0
      error_message = "settings are plain text; ${join(", ", setintersection(local.secret_settings, keys(var.settings)))} belongs in Secret Manager."
    }
    precondition {
      condition     = length(setsubtract(keys(var.callers), keys(local.gen2))) == 0
      error_message = "callers names functions that are not deployed: ${join(", ", setsubtract(keys(var.callers), keys(local.gen2)))}."
    }
  }
}
