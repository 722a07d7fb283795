"""Who may ask: callers' tokens, patients' tokens, the webhook's signature, rates."""
