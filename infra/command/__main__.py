"""`python -m infra.command` is `./healbridge-sync`."""

from __future__ import annotations

from infra.command.app import main

main()
