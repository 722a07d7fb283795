"""Servers on 127.0.0.1 in a thread, for clients that speak HTTP only."""

from __future__ import annotations

import datetime as dt
import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.local.loopback import Handler, LoopbackServer
from shared.stores.firestore import Firestore


@contextmanager
def serving(server: socketserver.TCPServer) -> Generator[int]:
    """Serve for the time of a test; yields the port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def served(handler: Handler) -> Generator[str]:
    """Serve a handler; yields host:port."""
    with serving(LoopbackServer(0, handler)) as port:
        yield f"127.0.0.1:{port}"


@contextmanager
def firestore_at(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> Generator[Firestore]:
    """Lend a Firestore client of ours that asks a handler."""
    with served(handler) as host:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", host)
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-test")
        client = Firestore()
        yield client
        client.close()


def self_signed(host: str, folder: Path) -> Path:
    """Write a host's certificate, which is its own authority, and its key to one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "host.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
