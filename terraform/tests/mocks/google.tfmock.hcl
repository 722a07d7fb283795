# What Google would answer. Everything else computed is a random text of its own, so that one
# function's address or account cannot pass for another's.

mock_data "google_project" {
  defaults = {
    number = "123456789012"
  }
}
