# The catalog, as the other files read it. Function names keep the catalog's spelling as keys, so
# one search finds a function in Python and in the plan; `id` is the name Google Cloud accepts.

locals {
  catalog = [for given in [var.catalog, jsondecode(file("${path.module}/../shared/catalog.json"))] : given if given != null][0]

  # The one topic that has a meaning here: messages that were given up go there.
  dead_letter = "dead-letter"

  functions = {
    for name, function in local.catalog.functions : name => merge(local.catalog.defaults, function, {
      id     = replace(name, "_", "-")
      public = try(function.trigger.public, false)

      # Which secret each setting comes from: a function has its own role's way into core.
      secret_ids = {
        for secret in function.secrets : secret => secret == "CORE_DSN" ? "CORE_DSN_${upper(try(function.core_role, "unknown"))}" : secret
      }
    }) if(function.trigger.kind != "auth" || var.auth_trigger != "none") && (function.trigger.kind != "blocking" || var.sign_in_hook)
  }

  by_kind = {
    for kind in ["auth", "blocking", "firestore", "http", "schedule", "topic"] : kind => {
      for name, function in local.functions : name => function if function.trigger.kind == kind
    }
  }

  # Only Auth triggers can be of the first generation.
  gen1 = { for name, function in local.by_kind.auth : name => function if var.auth_trigger == "gen1" }
  gen2 = { for name, function in local.functions : name => function if !contains(keys(local.gen1), name) }

  # One connection per request that an instance handles at once, for functions that use core.
  core_pool = {
    for name, function in local.functions : name => function.concurrency
    if contains(function.secrets, "CORE_DSN")
  }
  core_connections = sum(concat(
    [0], [for name, pool in local.core_pool : pool * local.functions[name].max_instances]
  ))
}
