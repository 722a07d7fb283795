"""embed_fill and embed_calls_unchanged: how full embedding requests are on bulk, and on no news."""

from __future__ import annotations

import os
from uuid import UUID

import httpx

from infra.local.embeddings.reading import MAX_REQUEST_TOKENS
from infra.local.embeddings.server import Embeddings
from infra.local.embeddings.token_bucket import TokenBucket
from shared.search.embedding import embed_all
from shared.search.embeddings import Embedder
from shared.search.indexing import index
from shared.stores.supabase_documents import SupabaseDocuments
from tests.bench.content import put_documents
from tests.bench.prescribing import medicine
from tests.bench.report import Figure
from tests.bench.world import NAMESPACE, World
from tests.contract.serving import served


def run(world: World) -> list[Figure]:
    """Embed a bulk of chunks of real size; index a hundred documents twice."""
    provider = Embeddings("", TokenBucket(0), TokenBucket(0))
    with served(provider.handler()) as host:
        os.environ |= {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": f"http://{host}/v1"}
        return [_fill(world, host), _unchanged(world, host)]


def _fill(world: World, host: str) -> Figure:
    """The last request of a bulk holds what is left and counts as full as it can be."""
    wanted = world.amount(7, 1)
    chunks = [
        "\n".join(f"{medicine()['raw']}, after food" for _ in range(20))
        for _ in range(wanted * 1100)
    ]
    embedder = Embedder()
    httpx.delete(f"http://{host}/__stats")
    embed_all(chunks[:50], embedder)  # a warm process: the provider has counted once
    warm = httpx.get(f"http://{host}/__stats").json()
    embed_all(chunks, embedder)
    done = httpx.get(f"http://{host}/__stats").json()
    tokens, requests = done["tokens"] - warm["tokens"], done["requests"] - warm["requests"]
    rest = tokens % MAX_REQUEST_TOKENS
    full = max(requests - 1, 1)
    fill = (tokens - rest) / (full * MAX_REQUEST_TOKENS) if requests > 1 else 1.0
    fill = min(fill, 1.0)
    return Figure(
        "embed_fill",
        round(fill, 3),
        fill >= 0.95,
        f"{requests} requests for {tokens} tokens, {done['rejected']} refused",
        f"{tokens / MAX_REQUEST_TOKENS:.2f} requests of {MAX_REQUEST_TOKENS} tokens",
    )


def _unchanged(world: World, host: str) -> Figure:
    with world.stores() as stores:
        ids = put_documents(stores.supabase_sql, world.amount(100, 5), 10)
        documents, embedder = SupabaseDocuments(stores.supabase), Embedder()
        asked: list[int] = []
        for _ in range(2):
            httpx.delete(f"http://{host}/__stats")
            became = index(
                ids, lambda _: {}, documents=documents, embedder=embedder,
                namespace=UUID(NAMESPACE),
            )  # fmt: skip
            if set(became.values()) != {"indexed"}:
                raise RuntimeError(f"not indexed: {set(map(str, became.values()))}")
            asked.append(httpx.get(f"http://{host}/__stats").json()["requests"])
    return Figure(
        "embed_calls_unchanged",
        asked[1],
        asked[1] == 0,
        f"{asked[0]} requests when new, {asked[1]} when nothing had changed, {len(ids)} documents",
    )
