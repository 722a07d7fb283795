"""Core appointments -> Firestore -> the patient's notification."""

from __future__ import annotations
