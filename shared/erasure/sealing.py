"""
Seal a uid while the record of an erasure needs it and nobody should read it there.

AES-256-GCM under a key drawn from the secret ID_NAMESPACE, which lies in no database: a dump or a
backup of core alone does not tell who was erased. The erasure's id is authenticated with it, so a
sealed uid opens in its own row only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from typing import TYPE_CHECKING
from uuid import UUID

from shared.errors import PermanentError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12  # bytes; drawn for each sealing, of which there is one for each erasure


def seal(namespace: UUID, erasure: str, uid: str) -> str:
    """Return a uid as text that only `unseal` reads."""
    nonce = secrets.token_bytes(_NONCE)
    sealed = _cipher(namespace).encrypt(nonce, uid.encode(), erasure.encode())
    return base64.b64encode(nonce + sealed).decode()


def unseal(namespace: UUID, erasure: str, sealed: str) -> str:
    """Return the uid. Raise PermanentError seal_unreadable: another ID_NAMESPACE, or row."""
    from cryptography.exceptions import InvalidTag

    try:
        data = base64.b64decode(sealed, validate=True)
        return _cipher(namespace).decrypt(data[:_NONCE], data[_NONCE:], erasure.encode()).decode()
    except (binascii.Error, InvalidTag, ValueError):
        raise PermanentError("seal_unreadable") from None


def _cipher(namespace: UUID) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(hashlib.blake2b(namespace.bytes, digest_size=32, person=b"erased uid").digest())
