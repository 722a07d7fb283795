# One deployment: copy, fill in, and give it with `terraform plan -var-file=env/NAME.tfvars`.
# It holds no secret, so it may be committed. docs/deploy.md tells where each value comes from.
project      = "healbridge-staging"
region       = "asia-south1"
supabase_url = "https://abcdefghijklmnopqrst.supabase.co"

# Where prescription PDFs lie: see shared/settings.py.
settings = {
  AWS_REGION  = "ap-south-1"
  PDF_BUCKETS = "healbridge-prescriptions"
}

secret_versions = {
  AWS_ACCESS_KEY_ID     = "1"
  AWS_SECRET_ACCESS_KEY = "1"
  CORE_DSN_ERASURE      = "1"
  CORE_DSN_NOTICES      = "1"
  CORE_DSN_OPERATOR     = "1"
  CORE_DSN_PAPERS       = "1"
  CORE_DSN_PEOPLE       = "1"
  CORE_DSN_RELAY        = "1"
  CORE_DSN_REPAIR       = "1"
  CORE_DSN_STATUS       = "1"
  FINGERPRINT_KEY       = "1"
  ID_NAMESPACE          = "1"
  OPENAI_API_KEY        = "1"
  SUPABASE_S3_KEY       = "1"
  SUPABASE_S3_SECRET    = "1"
  SUPABASE_SERVICE_KEY  = "1"
  WEBHOOK_SECRET        = "1"
}

notification_channels = ["projects/healbridge-staging/notificationChannels/1234567890"]

# The backend wakes the relay after it has written.
callers = {
  relay_core_outbox = ["serviceAccount:backend@healbridge-staging.iam.gserviceaccount.com"]
}

# Of a synthetic patient: an alert tells when a log line holds one of them.
planted_texts = ["Planted Asha Testperson", "+910000000001"]

core_connections = 400

# Core has a private address.
network = {
  connector_range = "10.8.0.0/28"
  name            = "default"
}

budget = {
  billing_account = "000000-000000-000000"
  monthly         = 200
}
