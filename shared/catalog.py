"""
The one map of chains, topics and functions: `catalog.json`, typed.

Terraform reads the same file with jsondecode, the local stack builds topics and subscriptions
from it, and the docs are checked against it. Nothing repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("catalog.json")


@dataclass(frozen=True, slots=True)
class Function:
    """One function: what starts it, what it emits, and its limits (seconds, counts)."""

    name: str
    chain: str
    trigger: Mapping[str, Any]
    emits: tuple[str, ...]
    secrets: tuple[str, ...]
    core_role: str | None  # whose connection string its CORE_DSN is: infra/core/rights.sql
    limits: Mapping[str, Any]

    @property
    def topic(self) -> str | None:
        """The topic whose messages it consumes, if it is a step."""
        return self.trigger.get("topic")

    @property
    def module(self) -> str:
        """The module that defines its entry point."""
        return f"functions.{self.chain}.{self.name}"

    @property
    def period_s(self) -> float:
        """How often its schedule calls it, in seconds."""
        return 60.0 * minutes(self.trigger["cron"])


@dataclass(frozen=True, slots=True)
class Catalog:
    """All of the map. Functions and topics keep the file's order, which is the chains' order."""

    chains: Mapping[str, str]
    topics: Mapping[str, Mapping[str, Any]]
    functions: Mapping[str, Function]

    def consumers(self, topic: str) -> list[Function]:
        """Return the steps that a topic's messages are pushed to."""
        return [f for f in self.functions.values() if f.topic == topic]

    def announced_by(self, place: str) -> dict[str, str]:
        """
        Return kind -> topic of the entities whose source is a place: core, supabase, firebase
        (its Auth) or a collection of Firestore (firestore/users).

        A topic's `announced_by` is the one declaration by which a kind of entity joins the relays,
        resync, repair and the canary.
        """
        return {
            topic["kind"]: name
            for name, topic in self.topics.items()
            if topic.get("announced_by") == place
        }

    def core_roles(self) -> list[str]:
        """Return the roles that functions have in core, each once."""
        return sorted({f.core_role for f in self.functions.values() if f.core_role})

    def edges(self) -> list[dict[str, str]]:
        """
        Return who forwards to whom: {"origin", "kind", "step"}. A step forwards entities of any
        kind ('') to the consumers of what it emits; core's relay, and the function that the product
        calls, announce those of one kind.
        """
        return [
            {"origin": function.name, "kind": kind, "step": successor.name}
            for function in self.functions.values()
            for topic in function.emits
            if (kind := self._edge_kind(function, topic)) is not None
            for successor in self.consumers(topic)
        ]

    def _edge_kind(self, function: Function, topic: str) -> str | None:
        """Return '' for a step, a kind for what announces it and records so in core, else None."""
        if function.topic is not None:
            return ""
        recording = {"relay_core_outbox", "receive_announcement"}
        return str(self.topics[topic]["kind"]) if function.name in recording else None

    def chain_of(self, kind: str) -> tuple[str, ...]:
        """Return the steps that an entity of a kind may pass, in the catalog's order."""
        topics = [name for name, topic in self.topics.items() if topic["kind"] == kind]
        return tuple(step.name for step in self.steps() if step.topic in topics)

    def steps(self) -> list[Function]:
        """Return the functions that consume a topic."""
        return [f for f in self.functions.values() if f.topic is not None]


def minutes(cron: str) -> int:
    """Return the period of a cron expression: every n minutes, hourly, or else daily."""
    minute, hour = cron.split()[:2]
    if minute == "*":
        return 1
    if minute.startswith("*/"):
        return int(minute[2:])
    return 60 if hour == "*" else 24 * 60


@cache
def load() -> Catalog:
    """Read the catalog once per process."""
    raw = json.loads(PATH.read_text(encoding="utf-8"))
    own = {"chain", "trigger", "emits", "secrets", "core_role"}
    functions = {
        name: Function(
            name=name,
            chain=entry["chain"],
            trigger=entry["trigger"],
            emits=tuple(entry["emits"]),
            secrets=tuple(entry["secrets"]),
            core_role=entry.get("core_role"),
            limits=raw["defaults"] | {k: v for k, v in entry.items() if k not in own},
        )
        for name, entry in raw["functions"].items()
    }
    return Catalog(chains=raw["chains"], topics=raw["topics"], functions=functions)
