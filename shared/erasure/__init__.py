"""Erasing a patient, and seeing that nothing comes back."""
