"""The endpoint: checks the key, the limits and the rate, answers vectors, counts what it did."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field

from infra.local.embeddings.errors import ApiError, json_response
from infra.local.embeddings.hashed_words import as_base64, as_floats, embed
from infra.local.embeddings.reading import MAX_INPUTS, MAX_REQUEST_TOKENS, Wanted, read
from infra.local.embeddings.token_bucket import TokenBucket
from infra.local.faults import Faults
from infra.local.loopback import Handler, Request, Response

PATH = "/v1/embeddings"
STATS_PATH = "/__stats"


@dataclass
class Stats:
    """What was asked for since the start. `fill` is the mean share used of the tighter limit."""

    requests: int = 0
    inputs: int = 0
    tokens: int = 0
    rejected: int = 0
    largest_inputs: int = 0
    largest_tokens: int = 0
    fill: float = 0.0


@dataclass
class Embeddings:
    """Answers requests; `api_key` "" accepts any key."""

    api_key: str
    requests_left: TokenBucket
    tokens_left: TokenBucket
    _stats: Stats = field(default_factory=Stats)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def handler(self) -> Handler:
        """Return what answers requests, with the fault switch in front of it."""
        return Faults(_fault_body).around(self._answer)

    def _answer(self, request: Request) -> Response:
        if request.path == STATS_PATH:
            return self._answer_stats(request)
        if (request.method, request.path) != ("POST", PATH):
            message = f"Invalid URL ({request.method} {request.path})"
            return ApiError(404, message, "unknown_url").response()
        try:
            self._check_key(request.headers.get("authorization", ""))
            return self._embed(read(request.body))
        except ApiError as refusal:
            with self._lock:
                self._stats.rejected += 1
            return refusal.response()

    def _embed(self, wanted: Wanted) -> Response:
        waits = [("requests", "RPM", self.requests_left.take(1))]
        waits.append(("tokens", "TPM", self.tokens_left.take(wanted.tokens)))
        headers = self.requests_left.headers("requests") | self.tokens_left.headers("tokens")
        for unit, short, wait in waits:
            if wait:
                return self._too_fast(f"{unit} per min ({short})", unit, wait, headers)
        with self._lock:
            self._count(wanted)
        shape = as_base64 if wanted.base64 else as_floats
        data = [
            {"object": "embedding", "index": index, "embedding": shape(embed(text, wanted.size))}
            for index, text in enumerate(wanted.texts)
        ]
        usage = {"prompt_tokens": wanted.tokens, "total_tokens": wanted.tokens}
        answer = {"object": "list", "data": data, "model": wanted.model, "usage": usage}
        return json_response(200, answer, headers)

    def _count(self, wanted: Wanted) -> None:
        stats, inputs = self._stats, len(wanted.texts)
        share = max(inputs / MAX_INPUTS, wanted.tokens / MAX_REQUEST_TOKENS)
        stats.fill += (share - stats.fill) / (stats.requests + 1)
        stats.requests += 1
        stats.inputs += inputs
        stats.tokens += wanted.tokens
        stats.largest_inputs = max(stats.largest_inputs, inputs)
        stats.largest_tokens = max(stats.largest_tokens, wanted.tokens)

    def _too_fast(self, limit: str, kind: str, wait: float, headers: dict[str, str]) -> Response:
        with self._lock:
            self._stats.rejected += 1
        message = f"Rate limit reached on {limit}. Please try again in {wait:.3f}s."
        headers = headers | {"Retry-After": f"{wait:.3f}", "Retry-After-Ms": f"{wait * 1000:.0f}"}
        return ApiError(429, message, "rate_limit_exceeded", None, kind).response(headers)

    def _check_key(self, authorization: str) -> None:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise ApiError(401, "You didn't provide an API key.")
        if self.api_key and key != self.api_key:
            raise ApiError(401, "Incorrect API key provided.", "invalid_api_key")

    def _answer_stats(self, request: Request) -> Response:
        with self._lock:
            if request.method == "DELETE":
                self._stats = Stats()
            return json_response(200, asdict(self._stats))


def _fault_body(_request: Request, status: int) -> tuple[bytes, dict[str, str]]:
    kind = "requests" if status == 429 else "server_error"
    code = "rate_limit_exceeded" if status == 429 else None
    refusal = ApiError(status, "Fault of the stand-in", code, None, kind).response()
    return refusal.body, refusal.headers
