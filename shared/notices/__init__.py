"""What patients are told, and the pushes that carry it."""
