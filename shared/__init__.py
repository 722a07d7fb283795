"""What every function shares: the map, events, the runtime, models, clients and stores."""

from __future__ import annotations
