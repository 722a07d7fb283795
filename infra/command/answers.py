"""
What a subcommand answers, and how it leaves.

exit code  meaning
0          done; healthy; nothing left to do
1          it ran, and something waits for a person: not healthy, drift left, a check failed
2          the command line is wrong
3          stopped at the budget
4          a store or service could not be reached or refused; nothing is known
5          there is no such thing
130        interrupted
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console, RenderableType

from infra.migrate import MigrationError
from shared.errors import RequestError, SettingMissingError, SyncError
from shared.repair.orphans import OrphanError
from shared.status.remedies import find

DONE, WAITS, USAGE, BUDGET, UNREACHABLE, UNKNOWN, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

_PIPE_COLUMNS = 200

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@dataclass(frozen=True)
class Answer:
    """`data` is what --json prints, `shown` the same for eyes."""

    data: Any
    shown: Sequence[RenderableType] = ()
    code: int = DONE


@dataclass
class WrongError(Exception):
    """An expected failure: its code, what to do about it, and how to leave."""

    code: str
    message: str
    exit_code: int = UNREACHABLE
    detail: dict[str, Any] = field(default_factory=dict[str, Any])


def answering(work: Callable[..., Answer]) -> Callable[..., None]:
    """Make a subcommand of a function that returns an Answer; adds --json."""

    @functools.wraps(work)
    def run(*args: Any, as_json: bool = False, **given: Any) -> None:
        out = sys.stdout
        try:
            with contextlib.redirect_stdout(sys.stderr):  # where log lines of shared code go
                answer = work(*args, **given)
        except (Exception, KeyboardInterrupt) as error:
            wrong = explained(error)
            if wrong is None:
                raise
            _complain(wrong, as_json=as_json)
            raise typer.Exit(wrong.exit_code) from None
        show(answer, as_json=as_json, out=out)
        if answer.code:
            raise typer.Exit(answer.code)

    signature = inspect.signature(work, eval_str=True)
    flag = inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False,
                             annotation=Json)  # fmt: skip
    vars(run)["__signature__"] = signature.replace(
        parameters=[*signature.parameters.values(), flag]
    )
    run.__annotations__ = {**work.__annotations__, "as_json": Json}
    return run


def show(answer: Answer, *, as_json: bool, out: Any) -> None:
    """Print an answer."""
    if as_json:
        out.write(json.dumps(plain(answer.data), default=str) + "\n")
        out.flush()
        return
    wide = None if out.isatty() else _PIPE_COLUMNS  # a table must not lose columns in a pipe
    console = Console(file=out, soft_wrap=True, width=wide)
    for part in answer.shown:
        console.print(part, highlight=False)


def plain(data: Any) -> Any:
    """Return data with its dataclasses as objects."""
    if is_dataclass(data) and not isinstance(data, type):
        return asdict(data)
    if isinstance(data, list | tuple):
        return [plain(item) for item in data]
    return {k: plain(v) for k, v in data.items()} if isinstance(data, dict) else data


def explained(error: BaseException) -> WrongError | None:
    """Return what an expected failure means, None for one that nobody expected."""
    if isinstance(error, WrongError):
        return error
    for kind, code, says, leaves in _EXPECTED:
        if isinstance(error, kind):
            return WrongError(getattr(error, "code", code), says(error), leaves)
    return None


# In order: the first that fits. A text is one of ours, or says nothing of what the vendor said.
_EXPECTED: tuple[tuple[type[BaseException], str, Callable[[Any], str], int], ...] = (
    (SettingMissingError, "", str, UNREACHABLE),
    (RequestError, "", lambda error: error.message, WAITS),
    (OrphanError, "no_orphan", str, WAITS),
    (MigrationError, "migration", str, WAITS),
    (SyncError, "", lambda error: find(error.code) or "see docs/operate.md", UNREACHABLE),
    (psycopg.OperationalError, "database_unreachable", lambda _: "no answer under this connection"
     " string: see host, port, user and password", UNREACHABLE),
    (psycopg.Error, "database_refused", lambda error: f"SQLSTATE {error.sqlstate}", UNREACHABLE),
    (KeyboardInterrupt, "interrupted", lambda _: "stopped; what was done stays done", INTERRUPTED),
    (typer.Abort, "interrupted", lambda _: "nothing was answered; nothing was done", INTERRUPTED),
)  # fmt: skip


def _complain(wrong: WrongError, *, as_json: bool) -> None:
    if as_json:
        said = {"error": wrong.code, "message": wrong.message} | wrong.detail
        sys.stderr.write(json.dumps(said) + "\n")
        return
    Console(stderr=True, soft_wrap=True).print(f"{wrong.code}: {wrong.message}", highlight=False,
                                               markup=False)  # fmt: skip
