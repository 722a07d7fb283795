# What differs between deployments. What the functions are is in the catalog, not here.

variable "auth_trigger" {
  description = "How Auth events arrive: gen2 (Eventarc), gen1 (the older background trigger) or none (only reconciliation finds accounts)."
  type        = string
  default     = "gen2"

  validation {
    condition     = contains(["gen1", "gen2", "none"], var.auth_trigger)
    error_message = "auth_trigger must be gen1, gen2 or none."
  }
}

variable "callers" {
  description = "Who else may call a private function, in the name of its own caller, by the function's name in the catalog: the backend that wakes a relay, operators who ask for the status. Members as in IAM."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for member in flatten(values(var.callers)) : can(regex("^(user|group|serviceAccount):", member))])
    error_message = "A caller must be user:, group: or serviceAccount:, never everybody."
  }
}

variable "catalog" {
  description = "A catalog to use instead of shared/catalog.json; only the tests give one."
  type        = any
  default     = null
}

variable "core_connections" {
  description = "Connections that the functions may hold together to core's transaction-mode pooler: half of what it takes, since a deployment runs old and new instances side by side. How many the pooler makes to core is its own setting (docs/deploy.md, section 3)."
  type        = number
  default     = 400

  validation {
    condition     = var.core_connections >= 1 && floor(var.core_connections) == var.core_connections
    error_message = "core_connections must be a whole number, at least 1."
  }
}

variable "firestore_location" {
  description = "Location of the Firestore database (nam5 and eur3 are multi-region); null where it is the functions' region."
  type        = string
  default     = null

  validation {
    condition     = var.firestore_location == null || can(regex("^[a-z]+(-[a-z]+[0-9]+|[0-9]+)$", var.firestore_location))
    error_message = "firestore_location must be a region such as asia-south1, or nam5 or eur3."
  }
}

variable "kms_key" {
  description = "Customer-managed key for topics, secrets, images, functions and audit lines: projects/P/locations/REGION/keyRings/R/cryptoKeys/K; null for Google's own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key must be projects/P/locations/REGION/keyRings/R/cryptoKeys/K."
  }
}

variable "message_regions" {
  description = "Regions where messages may be stored; null for the functions' region alone."
  type        = list(string)
  default     = null

  validation {
    condition     = var.message_regions == null || (try(length(var.message_regions), 0) > 0 && alltrue([for region in coalesce(var.message_regions, []) : can(regex("^[a-z]+-[a-z]+[0-9]+$", region))]))
    error_message = "message_regions must name one region or more, such as asia-south1."
  }
}

variable "network" {
  description = "VPC network (name) and an unused /28 range for the connector by which functions reach a private core database; null where core has a public address."
  type = object({
    connector_range = string
    name            = string
  })
  default = null

  validation {
    condition     = var.network == null || (can(cidrhost(var.network.connector_range, 0)) && endswith(try(var.network.connector_range, ""), "/28"))
    error_message = "network.connector_range must be a range of 16 addresses, such as 10.8.0.0/28."
  }
}

variable "private_ingress" {
  description = "From where the members in callers reach their functions: within Google Cloud, also through a load balancer, or from anywhere. They need their own identity token in any case."
  type        = string
  default     = "ALLOW_INTERNAL_ONLY"

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_AND_GCLB", "ALLOW_INTERNAL_ONLY"], var.private_ingress)
    error_message = "private_ingress must be ALLOW_INTERNAL_ONLY, ALLOW_INTERNAL_AND_GCLB or ALLOW_ALL."
  }
}

variable "project" {
  description = "Google Cloud project of the functions; the Firebase project is the same one."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project id (6 to 30 lower-case letters, digits and hyphens)."
  }
}

variable "region" {
  description = "Region of functions, topics and secrets; choose the one nearest to core."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as asia-south1: not a zone, not a multi-region."
  }
}

variable "runtime" {
  description = "Python runtime of the second generation functions."
  type        = string
  default     = "python313"

  validation {
    condition     = contains(["python311", "python312", "python313"], var.runtime)
    error_message = "runtime must be python311, python312 or python313: the code is tested on these."
  }
}

variable "schedules_paused" {
  description = "Pause all schedules, as during a rollback of the databases."
  type        = bool
  default     = false
}

variable "secret_versions" {
  description = "Version of each secret that functions get, by name: {CORE_DSN_PEOPLE = \"3\"}. Numbers only, so that a rotation is a deployment that can be taken back."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for version in values(var.secret_versions) : can(regex("^[1-9][0-9]*$", version))])
    error_message = "A secret's version must be a number; \"latest\" would change under running functions."
  }
}

variable "settings" {
  description = "Further plain settings given to every function, such as OPENAI_BASE_URL. Never secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "A setting's name has capital letters, digits and underscores: see shared/settings.py."
  }
}

variable "sign_in_hook" {
  description = "Announce every sign-in, so that a changed e-mail or phone is in step at once and not at the next reconciliation. Needs Identity Platform (billed); every sign-in then waits for the function, and the project's Identity Platform configuration is kept here, which cannot be deleted again."
  type        = bool
  default     = false
}

variable "source_zip" {
  description = "The archive that `make package` makes, from this folder."
  type        = string
  default     = "../build/functions.zip"
}

variable "supabase_url" {
  description = "https://PROJECT.supabase.co"
  type        = string

  validation {
    condition     = can(regex("^https://[^/]+$", var.supabase_url))
    error_message = "supabase_url must be https://HOST, without a path."
  }
}
