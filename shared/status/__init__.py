"""What is asked over HTTP: health, lineage, one patient, the page."""
