# Two identities per function: what it runs as, and who may call it. A stolen token of one step
# opens neither another step nor another step's secrets.

locals {
  # An account's id has 6 to 30 characters, three of them the prefix: a longer name is cut, and a
  # digest of all of it keeps it apart from others that begin alike.
  account = {
    for name, function in local.functions : name => (
      length(function.id) <= 27 ? function.id : "${substr(function.id, 0, 20)}-${substr(sha256(function.id), 0, 6)}"
    )
  }
}

resource "google_service_account" "runs_as" {
  for_each = local.functions

  account_id   = "fn-${local.account[each.key]}"
  display_name = "${each.key} runs as this"
}

resource "google_service_account" "called_by" {
  for_each = local.gen2

  account_id   = "in-${local.account[each.key]}"
  display_name = "${each.key} is called by this"
}

resource "google_service_account" "build" {
  account_id   = "healbridge-build"
  display_name = "Builds the functions' images"
}
