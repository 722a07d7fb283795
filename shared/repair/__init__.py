"""Compare the stores, announce again, replay, and the canary that notices."""
