"""Documents and prescriptions: read, put into words, their files copied and deleted."""
