"""What was found: once per place in the code, each with the smallest input that still shows it."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_TRIES = 3000  # inputs tried to make one smaller

Target = Callable[[bytes], None]


class Breach(Exception):  # noqa: N818 - not an error of the code, a rule it broke
    """An input had an effect it must not have. `kind` is server_error, half_written or admitted."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what)
        self.kind = kind


@dataclass(frozen=True)
class Finding:
    """What broke: `where` is the same for every input that breaks in the same way."""

    target: str
    kind: str
    where: str
    file: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the fields."""
        return asdict(self)


def broken_by(name: str, target: Target, data: bytes) -> Finding | None:
    """Run one input; return what it broke."""
    try:
        target(data)
    except Breach as breach:
        return Finding(name, breach.kind, str(breach))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - that is what is looked for
        frames = [
            f"{Path(frame.filename).relative_to(REPOSITORY)}:{frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename.startswith(str(REPOSITORY)) and ".venv" not in frame.filename
        ]
        return Finding(name, "crash", f"{type(error).__name__} in {(frames or ['?'])[-1]}")
    return None


def smallest(name: str, target: Target, data: bytes, found: Finding) -> bytes:
    """Cut pieces out of an input as long as it breaks the same thing."""
    tries, size = _TRIES, max(1, len(data) // 2)
    while size and tries > 0:
        start, shorter = 0, False
        while start < len(data) and tries > 0:
            candidate = data[:start] + data[start + size :]
            tries -= 1
            if broken_by(name, target, candidate) == found:
                data, shorter = candidate, True
            else:
                start += size
        size = size if shorter and size > 1 else size // 2
    return data


def keep(folder: Path, finding: Finding, data: bytes) -> Finding:
    """Write a reproducer; its name begins with its target's."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(data).hexdigest()[:10]
    path = folder / f"{finding.target}-{finding.kind}-{digest}"
    path.write_bytes(data)
    return Finding(finding.target, finding.kind, finding.where, str(path))
