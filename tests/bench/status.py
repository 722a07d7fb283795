"""status_ms_1m: how the whole and one patient stand, with a million ledger rows and a thousand."""

from __future__ import annotations

from typing import LiteralString

from shared.clients import Clients
from shared.status import status
from shared.status.patient_status import patient_status
from tests.bench.content import put_documents, put_patients, silently
from tests.bench.deliveries import Quiet
from tests.bench.measure import Spread, in_turns
from tests.bench.report import Figure
from tests.bench.world import Stores, World

_LEDGER: LiteralString = """
insert into sync.ledger (kind, key, step, state, source_version, seen_version, error_code)
select 'user', 'uid-' || (n / 4), (array['store_user', 'mirror_user', 'admit_user',
         'store_profile'])[n %% 4 + 1],
       case when n %% 1000 = 0 then 'parked' else 'done' end, 1, 1,
       case when n %% 1000 = 0 then 'attempts_exhausted' end
from generate_series(1, %(count)s) n
"""


def run(world: World) -> list[Figure]:
    """Ask both sizes in turns."""
    large = world.amount(1_000_000, 5_000)
    with world.stores() as few, world.stores() as many:
        small, big = _filled(few, 1_000), _filled(many, large)
        taken = in_turns(
            world.amount(15, 1),
            {
                "status_1k": lambda: status.overall(small),
                "status_1m": lambda: status.overall(big),
                "patient_1k": lambda: patient_status(small, "u1"),
                "patient_1m": lambda: patient_status(big, "u1"),
            },
        )
    ms = {name: seconds.times(1000) for name, seconds in taken.items()}
    ratio = {which: _ratio(ms, which) for which in ("status", "patient")}
    return [
        Figure(
            "status_ms_1m",
            {name: round(spread.median, 2) for name, spread in ms.items()},
            max(ratio.values()) <= 3,
            f"status {ms['status_1m']} ms, patient {ms['patient_1m']} ms with {large} ledger rows",
            f"status {ms['status_1k']} ms, patient {ms['patient_1k']} ms with 1000",
            f"ratios {ratio['status']:.2f} and {ratio['patient']:.2f}",
        )
    ]


def _ratio(ms: dict[str, Spread], which: str) -> float:
    return ms[f"{which}_1m"].median / ms[f"{which}_1k"].median


def _filled(stores: Stores, rows: int) -> Clients:
    put_patients(stores.core_sql, 100)
    put_documents(stores.supabase_sql, 100, 3)
    silently(stores.core_sql, _LEDGER, count=rows)
    stores.core_sql.execute("select sync.recount()")
    stores.core_sql.execute("vacuum analyze")
    return Quiet(stores)
