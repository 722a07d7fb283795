# Who may call a function, what it may publish, and what it may do in Firebase.

locals {
  # A step also publishes to the topic it consumes: what must wait of a half-done batch goes back
  # there as a message of its own. Not to the dead letters: such a copy would lack the name of the
  # step that gave up, so a half-done batch of those is redelivered whole.
  publishes = {
    for grant in flatten([
      for name, function in local.functions : [
        for topic in setunion(
          function.emits, setsubtract([try(function.trigger.topic, local.dead_letter)], [local.dead_letter])
        ) : { function = name, topic = topic }
      ]
    ]) : "${grant.function}/${grant.topic}" => grant
  }

  # What the code asks of Firebase. tests/contract/test_terraform_grants.py compares this with it.
  firebase_roles = {
    admit_user          = [google_project_iam_custom_role.claims.name]
    bury_user           = ["roles/firebaseauth.viewer"]
    certify_erasure     = ["roles/datastore.viewer", "roles/firebaseauth.viewer"]
    decide_conflict     = ["roles/firebaseauth.viewer"]
    erase_firebase      = ["roles/datastore.user", google_project_iam_custom_role.erasures.name]
    notify_appointment  = ["roles/datastore.user", google_project_iam_custom_role.pushes.name]
    notify_document     = ["roles/datastore.user", google_project_iam_custom_role.pushes.name]
    notify_prescription = ["roles/datastore.user", google_project_iam_custom_role.pushes.name]
    reconcile           = ["roles/firebaseauth.viewer", "roles/datastore.viewer"]
    remove_orphans      = ["roles/datastore.user"]
    run_canary          = [google_project_iam_custom_role.canary.name, "roles/datastore.user"]
    show_appointment    = ["roles/datastore.user"]
    store_doctor        = ["roles/datastore.viewer"]
    store_profile       = ["roles/datastore.viewer"]
    store_user          = ["roles/firebaseauth.viewer"]
  }
  firebase_grants = merge([
    for name, roles in local.firebase_roles : {
      for position, role in roles : "${name}/${position}" => { function = name, role = role }
    } if contains(keys(local.functions), name)
  ]...)

  callers = {
    for grant in flatten([
      for name, members in var.callers : [for member in members : { function = name, member = member }]
    ]) : "${grant.function}/${grant.member}" => grant if contains(keys(local.gen2), grant.function)
  }
}

# Invoking is granted on the Cloud Run service: the function's own resource has no such role.
resource "google_cloud_run_service_iam_member" "called_by" {
  for_each = local.gen2

  location = var.region
  service  = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.called_by[each.key].member
}

# A function knows one caller, and checks its token. Others call in that account's name: they may
# have tokens of it made, and nothing else of it.
resource "google_service_account_iam_member" "caller" {
  for_each = local.callers

  service_account_id = google_service_account.called_by[each.value.function].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = each.value.member
}

# These check the caller themselves: a signature, a patient's token or Firebase's.
resource "google_cloud_run_service_iam_member" "public" {
  for_each = { for name, function in merge(local.by_kind.http, local.by_kind.blocking) : name => function if function.public }

  location = var.region
  service  = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  member   = "allUsers"
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = local.publishes

  topic  = google_pubsub_topic.this[each.value.topic].id
  role   = "roles/pubsub.publisher"
  member = google_service_account.runs_as[each.value.function].member
}

# Roles of our own: firebaseauth.admin could also delete accounts and change the sign-in settings.
resource "google_project_iam_custom_role" "canary" {
  role_id     = "healbridgeCanaryAccount"
  title       = "HealBridge: the canary's own account"
  permissions = ["firebaseauth.users.get", "firebaseauth.users.create"]
}

resource "google_project_iam_custom_role" "erasures" {
  role_id     = "healbridgeErasures"
  title       = "HealBridge: erasing accounts"
  permissions = ["firebaseauth.users.get", "firebaseauth.users.delete"]
}

resource "google_project_iam_custom_role" "claims" {
  role_id     = "healbridgeAccountClaims"
  title       = "HealBridge: accounts' claims"
  permissions = ["firebaseauth.users.get", "firebaseauth.users.update"]
}

resource "google_project_iam_custom_role" "pushes" {
  role_id     = "healbridgePushes"
  title       = "HealBridge: pushes to devices"
  permissions = ["cloudmessaging.messages.create"]
}

resource "google_project_iam_member" "firebase" {
  for_each = local.firebase_grants

  project = var.project
  role    = each.value.role
  member  = google_service_account.runs_as[each.value.function].member
}
