# The way to a core database with a private address (Cloud SQL, or a pooler in the VPC). Only private
# ranges go this way; Supabase and OpenAI are reached directly.

resource "google_vpc_access_connector" "this" {
  count = var.network == null ? 0 : 1

  name          = "healbridge-sync"
  region        = var.region
  network       = var.network.name
  ip_cidr_range = var.network.connector_range
  min_instances = 2
  max_instances = 3
}
