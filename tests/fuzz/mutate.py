"""Mutate an input: its JSON where it is JSON, else its bytes. Same seed, same mutant."""

from __future__ import annotations

import json
import random
from typing import Any, cast

_WORDS = (
    *("", "\0", "\ud800", "a b", "../..", "%00", "id", "uid", "refs", "kind", "key", "version"),
    *("data", "message", "attributes", "medications", "name", "strength", "frequency", "1-0-1"),
    *("5 days", "1/2", "½", "500 mg", "2024-02-30", "+919876543210", "NaN", "null", "𝟙", "ﬁ"),
    *("x" * 5000, "9" * 5000, "1" * 40, "-" * 300, "a@example.com", "https://[::1", "s3://b/k"),
)
_NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 0.1, 1e308, -1e308, 2**31, 2**63, -(2**63) - 1, 10**30, float("inf"), float("nan")),
    *(True, False, None),
)
_DEEP = 60


def mutated(data: bytes, seed: int, limit: int = 8192) -> bytes:
    """Return a mutant of at most `limit` bytes."""
    rng = random.Random(seed)
    if rng.random() < 0.7:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            pass
        else:
            return _changed_within(limit, value, rng)
    return _bytes(data, rng)[:limit]


def _changed_within(limit: int, value: Any, rng: random.Random) -> bytes:
    """Change up to four places; what has grown long is not made fifty times as long again."""
    mutant = b""
    for _ in range(rng.randint(1, 4)):
        value = _changed(value, rng)
        mutant = json.dumps(value).encode()
        if len(mutant) > limit:
            break
    return mutant[:limit]


def _changed(value: Any, rng: random.Random) -> Any:
    """Change one place of a JSON value: go down at random, or change what is here."""
    if isinstance(value, dict) and value and rng.random() < 0.75:
        copy = dict(cast("dict[str, Any]", value))
        key = rng.choice(list(copy))
        match rng.randrange(6):
            case 0:
                del copy[key]
            case 1:
                copy[rng.choice(_WORDS)] = copy[key]
            case _:
                copy[key] = _changed(copy[key], rng)
        return copy
    if isinstance(value, list) and value and rng.random() < 0.75:
        items = list(cast("list[Any]", value))
        at = rng.randrange(len(items))
        match rng.randrange(6):
            case 0:
                del items[at]
            case 1:
                items *= rng.choice((2, 3, 40))
            case _:
                items[at] = _changed(items[at], rng)
        return items
    if isinstance(value, str) and value and rng.random() < 0.6:
        return _text(value, rng)
    return _other(value, rng)


def _text(value: str, rng: random.Random) -> str:
    at = rng.randrange(len(value))
    match rng.randrange(4):
        case 0:
            return value[:at] + value[at + 1 :]
        case 1:
            return value[:at] + rng.choice(_WORDS) + value[at:]
        case 2:
            return (
                value[:at] + chr(rng.choice((0, 32, 47, 160, 0x301, 0x200D, 0xFFFD))) + value[at:]
            )
        case _:
            return value * rng.choice((2, 5, 50))


def _other(value: Any, rng: random.Random) -> Any:
    match rng.randrange(6):
        case 0:
            return rng.choice(_NUMBERS)
        case 1:
            return rng.choice(_WORDS)
        case 2:
            return [value] * rng.choice((0, 1, 3))
        case 3:
            return {rng.choice(_WORDS): value}
        case 4:
            deep = value
            for _ in range(rng.choice((2, 10, _DEEP))):
                deep = [deep]
            return deep
        case _:
            return str(value)


def _bytes(data: bytes, rng: random.Random) -> bytes:
    mutant = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(mutant) + 1)
        match rng.randrange(5):
            case 0 if mutant:
                mutant[min(at, len(mutant) - 1)] = rng.randrange(256)
            case 1:
                mutant[at:at] = rng.randbytes(rng.randint(1, 4))
            case 2:
                del mutant[at : at + rng.randint(1, 8)]
            case 3:
                mutant[at:at] = rng.choice(_WORDS).encode(errors="surrogatepass")
            case _:
                mutant[at:at] = mutant[: rng.randint(0, 64)]
    return bytes(mutant)
