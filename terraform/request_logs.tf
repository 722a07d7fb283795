# Cloud Run writes a line for every request, with its address and its caller's. Those of the functions
# that people call name patients by their ids (api/sync/patient/ID) and people by their addresses: they
# are not kept. Metrics and alerts do not need them; the functions' own lines stay.
resource "google_logging_project_exclusion" "requests" {
  name        = "healbridge-requests"
  description = "Addresses of requests name patients, and who asked"
  filter = join(" AND ", [
    "log_id(\"run.googleapis.com/requests\")",
    local.of_functions,
    "resource.labels.service_name=(${join(" OR ", [for function in local.by_kind.http : jsonencode(function.id)])})",
  ])
}
