"""
The settings of a run. Apart, and importing nothing: coverage is measured in what is imported later.
"""

from __future__ import annotations

SECRET = "a secret of the fuzzer long enough"
ENVIRONMENT = {
    "FINGERPRINT_KEY": "key of the fuzzer",
    "ID_NAMESPACE": "5a1f0c6e-0d5b-4b52-9a4e-0f6f5f4c2b11",
    "GOOGLE_CLOUD_PROJECT": "demo-fuzz",
    "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1",  # unsigned tokens, which the fuzzer can make
    "WEBHOOK_SECRET": SECRET,
    "PDF_BUCKETS": "prescriptions",
}
