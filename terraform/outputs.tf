# What the next step of a deployment needs: see docs/deploy.md.

output "called_by" {
  description = "Account that calls each function: whoever is named in callers asks for tokens of it."
  value       = { for name, account in google_service_account.called_by : name => account.email }
}

output "core_connections" {
  description = "Connections to core's pooler that all functions may hold together, at most; twice as many during a deployment."
  value       = local.core_connections
}

output "dead_letters" {
  description = "Pull subscription that keeps what was given up."
  value       = google_pubsub_subscription.kept.name
}

output "function_urls" {
  description = "Address of every second generation function, by its name in the catalog."
  value       = { for name, function in google_cloudfunctions2_function.this : name => function.service_config[0].uri }
}

output "runs_as" {
  description = "Service account of every function, by its name in the catalog."
  value       = { for name, account in google_service_account.runs_as : name => account.email }
}

output "secrets" {
  description = "Secrets that need a value, with the functions that read each."
  value = {
    for secret in local.secrets : secret => [
      for name, function in local.functions : name if contains(values(function.secret_ids), secret)
    ]
  }
}

output "webhook_urls" {
  description = "Address of every public function; Supabase's Vault needs the webhook's."
  value = {
    for name, function in local.by_kind.http : name => google_cloudfunctions2_function.this[name].service_config[0].uri
    if function.public
  }
}
