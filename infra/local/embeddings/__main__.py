"""
Run the stand-in for OpenAI's embeddings endpoint, POST /v1/embeddings.

    python -m infra.local.embeddings --port 8801 [--api-key K] [--rpm N] [--tpm N]

Modelled, from the API reference and the openai client: inputs as text, list of texts, list of
token ids or list of such lists; base64 (little-endian float32) and float lists; `dimensions`; the
limits of 2048 inputs, 8192 tokens an input and 300000 tokens a request, no empty input; OpenAI's
error bodies; 401 without a key; x-ratelimit-* headers, and 429 with Retry-After once a bucket of
requests or tokens per minute is empty.
The vectors are hashed bags of words (hashed_words.py): deterministic, and texts that share words
are near each other, but they know no meaning.
Left out: all other endpoints, organisations, `user`.
GET /__stats tells what was asked for, DELETE /__stats starts anew; POST /__fault makes it fail
(faults.py; "insufficient_quota": give that code in `body.error.code`). Both exist only here.
"""

from __future__ import annotations

import argparse

from infra.local.embeddings.server import Embeddings
from infra.local.embeddings.token_bucket import TokenBucket
from infra.local.loopback import LoopbackServer, serve_until_signalled


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="infra.local.embeddings")
    parser.add_argument("--port", type=int, required=True, help="0 picks a free port")
    parser.add_argument("--api-key", default="", help="the only key accepted; any if not given")
    parser.add_argument("--rpm", type=int, default=0, help="requests a minute; 0 for no limit")
    parser.add_argument("--tpm", type=int, default=0, help="tokens a minute; 0 for no limit")
    given = parser.parse_args()
    embeddings = Embeddings(given.api_key, TokenBucket(given.rpm), TokenBucket(given.tpm))
    serve_until_signalled(LoopbackServer(given.port, embeddings.handler()))


if __name__ == "__main__":
    main()
