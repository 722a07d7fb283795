"""The demo: act as the HealBridge apps do, wait until quiet, compare the three stores."""

from __future__ import annotations
