# Terraform, the provider and where the state lies. The state holds no secret's value; give its
# bucket versioning and uniform access all the same: `terraform init -backend-config=bucket=NAME`.

terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.0, < 9.0"
    }
  }

  backend "gcs" {
    prefix = "healbridge-sync"
  }
}

provider "google" {
  project = var.project
  region  = var.region

  # The budget's API bills its calls to a project; without this a person's own login is refused.
  billing_project       = var.project
  user_project_override = true

  default_labels = {
    app = "healbridge-sync"
  }
}

data "google_project" "this" {
  project_id = var.project
}
