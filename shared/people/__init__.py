"""Accounts and profiles: read, brought to normal forms, their conflicts decided."""
