"""Chunks and their embeddings."""
