"""
Reading a request, with the limits OpenAI enforces.

2048 inputs a request, 8192 tokens an input, 300000 tokens a request, no empty input (source: the
API reference, as the openai client's docstrings repeat it). Tokens are counted as
ceil(UTF-8 bytes / 4): near the real tokenizer for English prose, below it for other scripts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.embeddings.errors import ApiError

MAX_INPUTS = 2048
MAX_INPUT_TOKENS = 8192
MAX_REQUEST_TOKENS = 300_000
BYTES_PER_TOKEN = 4
MODELS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
FIXED_SIZE = {"text-embedding-ada-002"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request that is within the limits."""

    model: str
    texts: Sequence[str]
    tokens: int
    size: int
    base64: bool


def read(body: bytes) -> Wanted:
    """Return what a body asks for.

    Raises:
        ApiError: 400 or 404, it breaks a limit or cannot be read.
    """
    try:
        given: Any = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise ApiError(400, "We could not parse the JSON body of your request.")
    model, encoding = given.get("model"), given.get("encoding_format", "float")
    if model not in MODELS:
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise ApiError(404, message, "model_not_found", "model")
    if encoding not in {"float", "base64"}:
        raise ApiError(400, "encoding_format: must be float or base64", None, "encoding_format")
    texts, tokens = _inputs(given.get("input"))
    return Wanted(model, texts, tokens, _size(model, given.get("dimensions")), encoding == "base64")


def _size(model: str, asked: object) -> int:
    if asked is None:
        return MODELS[model]
    if model in FIXED_SIZE:
        raise ApiError(400, "This model does not support specifying dimensions.")
    if not isinstance(asked, int) or not 1 <= asked <= MODELS[model]:
        message = f"dimensions: must be 1 to {MODELS[model]} for {model}"
        raise ApiError(400, message, None, "dimensions")
    return asked


def _inputs(given: object) -> tuple[list[str], int]:
    """Return the texts and the tokens they have in all; token ids become words of a text."""
    entries: list[Any] = given if isinstance(given, list) else [given]
    if entries and all(isinstance(entry, int) for entry in entries):
        entries = [entries]
    if not 1 <= len(entries) <= MAX_INPUTS:
        message = f"'input': an array of 1 to {MAX_INPUTS} elements is expected"
        raise ApiError(400, message, None, "input")
    total = 0
    for position, entry in enumerate(entries):
        if not entry or not isinstance(entry, str | list):
            raise ApiError(400, f"'input[{position}]' must not be empty", None, "input")
        tokens = len(entry) if isinstance(entry, list) else _tokens(entry)
        if tokens > MAX_INPUT_TOKENS:
            message = f"'input[{position}]': maximum input length is {MAX_INPUT_TOKENS} tokens"
            raise ApiError(400, message, None, "input")
        total += tokens
    if total > MAX_REQUEST_TOKENS:
        message = f"Requested {total} tokens, max {MAX_REQUEST_TOKENS} tokens per request"
        raise ApiError(400, message, "max_tokens_per_request", None, "max_tokens_per_request")
    return [
        entry if isinstance(entry, str) else " ".join(map(str, entry)) for entry in entries
    ], total


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // BYTES_PER_TOKEN)
