"""Local stand-in for OpenAI's embeddings endpoint."""
