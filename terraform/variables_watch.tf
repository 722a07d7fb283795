# What is watched, how closely, and who is told.

variable "alert_after_s" {
  description = "Seconds that a message may wait, a chain may stand still or requests may fail before an alert. Every erasure's last message waits eleven minutes."
  type        = number
  default     = 900

  validation {
    condition     = var.alert_after_s >= 300 && var.alert_after_s % 60 == 0
    error_message = "alert_after_s must be whole minutes, at least 300 seconds: metrics arrive minutes late."
  }
}

variable "alert_error_ratio" {
  description = "Share of a function's requests that may fail, 0 to 1."
  type        = number
  default     = 0.05

  validation {
    condition     = var.alert_error_ratio > 0 && var.alert_error_ratio < 1
    error_message = "alert_error_ratio must lie between 0 and 1."
  }
}

variable "audit_retention_days" {
  description = "Days that audit lines are kept; six years by default."
  type        = number
  default     = 2192

  validation {
    condition     = var.audit_retention_days >= 1 && var.audit_retention_days <= 3650
    error_message = "audit_retention_days must be 1 to 3650 (Cloud Logging)."
  }
}

variable "audited_services" {
  description = "Services whose data access is logged. An audit configuration that the project already has for one of them is replaced."
  type        = set(string)
  default     = ["datastore.googleapis.com", "identitytoolkit.googleapis.com", "secretmanager.googleapis.com"]

  validation {
    condition     = alltrue([for service in var.audited_services : endswith(service, ".googleapis.com")])
    error_message = "A service is named as its API is, such as secretmanager.googleapis.com."
  }
}

variable "budget" {
  description = "Monthly budget of the project, in whole units of the billing account's currency; null for none."
  type = object({
    billing_account = string
    monthly         = number
  })
  default = null

  validation {
    condition     = var.budget == null || (can(regex("^[0-9A-F]{6}(-[0-9A-F]{6}){2}$", var.budget.billing_account)) && try(var.budget.monthly >= 1 && floor(var.budget.monthly) == var.budget.monthly, false))
    error_message = "budget needs a billing_account such as 000000-000000-000000 and monthly in whole units, at least 1."
  }
}

variable "notification_channels" {
  description = "Cloud Monitoring channels that alerts go to: projects/P/notificationChannels/ID."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "A channel must be projects/P/notificationChannels/ID."
  }
}

variable "planted_texts" {
  description = "Texts planted in synthetic patients (a name, a phone) that no log line may ever hold; empty for no such watch."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for text in var.planted_texts : length(text) >= 8])
    error_message = "A planted text must have at least 8 characters, or it would match by chance."
  }
}
