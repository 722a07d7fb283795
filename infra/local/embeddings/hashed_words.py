"""
Vectors of texts by feature hashing: each word adds to one dimension, chosen by its hash.

Deterministic on every machine, of length 1. Texts that share words have a positive cosine, the
same text has the same vector, unrelated texts are nearly orthogonal.
"""

from __future__ import annotations

import base64
import math
import re
import sys
import zlib
from array import array
from collections import Counter

WORD = re.compile(r"\w+")


def embed(text: str, size: int) -> array[float]:
    """Return the vector of a text: `size` float32 values, Euclidean length 1.

    A word counts 1 + ln(occurrences), with the sign a second bit of its hash gives. A text without
    words, or whose words cancel out, counts as one word.
    """
    values: dict[int, float] = {}
    for word, count in Counter(WORD.findall(text.lower())).items():
        digest = zlib.crc32(word.encode())
        index = (digest >> 1) % size
        weight = 1 + math.log(count)
        values[index] = values.get(index, 0.0) + (weight if digest & 1 else -weight)
    length = math.sqrt(sum(value * value for value in values.values()))
    if not length:
        values, length = {zlib.crc32(text.encode()) % size: 1.0}, 1.0
    vector = array("f", bytes(4 * size))
    for index, value in values.items():
        vector[index] = value / length
    return vector


def as_base64(vector: array[float]) -> str:
    """Return the vector as base64 of little-endian float32, as the openai client asks for it."""
    if sys.byteorder == "big":
        vector = vector[:]
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()


def as_floats(vector: array[float]) -> list[float]:
    """Return the vector as a list of numbers."""
    return vector.tolist()
