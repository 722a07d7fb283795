# The archive made by `make package`, and what builds it. The object's name is the archive's digest:
# changed code is a new object and redeploys every function, unchanged code deploys nothing.

locals {
  source_zip    = "${path.module}/${var.source_zip}"
  source_digest = try(filesha256(local.source_zip), "missing")
}

resource "google_storage_bucket" "source" {
  name                        = "${var.project}-healbridge-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  dynamic "encryption" {
    for_each = var.kms_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.service_agent]
}

resource "google_storage_bucket_object" "source" {
  name   = "functions-${local.source_digest}.zip"
  bucket = google_storage_bucket.source.name
  source = local.source_zip

  lifecycle {
    precondition {
      condition     = fileexists(local.source_zip)
      error_message = "${var.source_zip} is missing: run `make package`."
    }
  }
}

resource "google_artifact_registry_repository" "images" {
  repository_id = "healbridge-sync"
  description   = "Images of the functions"
  location      = var.region
  format        = "DOCKER"
  kms_key_name  = var.kms_key

  depends_on = [google_kms_crypto_key_iam_member.service_agent]
}

resource "google_artifact_registry_repository_iam_member" "build" {
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

# Reading is granted on the project: a build reads a copy in a bucket that Cloud Functions makes.
resource "google_project_iam_member" "build" {
  for_each = toset(["roles/logging.logWriter", "roles/storage.objectViewer"])

  project = var.project
  role    = each.key
  member  = google_service_account.build.member
}
