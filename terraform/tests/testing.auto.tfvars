# A deployment as the tests make it. Any file can stand for the archive.
notification_channels = ["projects/healbridge-test/notificationChannels/1"]
planted_texts         = ["Planted Asha Testperson"]
project               = "healbridge-test"
region                = "asia-south1"
source_zip            = "versions.tf"
supabase_url          = "https://abcdefgh.supabase.co"

budget = {
  billing_account = "000000-000000-000000"
  monthly         = 500
}
