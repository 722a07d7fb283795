"""
Protobuf's wire format, as much as a publish call needs of it.

The generated classes for the same cost half a second of every cold start (they bring all services
of their API, in two flavours); a contract test holds this against them, byte for byte.
Format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

_BYTES = 2  # wire type of bytes, string and message


def field(number: int, value: bytes | str) -> bytes:
    """Return a field of type bytes, string or message."""
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
