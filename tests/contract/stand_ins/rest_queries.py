"""How a refusal, the ids and the number of rows are asked of PostgREST's tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
import pytest
from postgrest.exceptions import APIError
from psycopg import sql

Query = Callable[[Any], Any]


def code_of(query: Any) -> str | None:
    with pytest.raises(APIError) as refusal:
        query.execute()
    return refusal.value.code


def ids(query: Any) -> list[int]:
    return [row["id"] for row in query.execute().data]


def count(database: psycopg.Connection, condition: LiteralString = "true") -> int:
    query = sql.SQL("select count(*) from contract_documents where {}").format(sql.SQL(condition))
    row = database.execute(query).fetchone()
    assert row is not None
    return row[0]
