"""Deterministic ids, as every store knows them."""

from __future__ import annotations

from uuid import UUID
from uuid import uuid5 as standard

from hypothesis import given
from hypothesis import strategies as st

from shared.ids import uuid5


@given(st.uuids(), st.text(st.characters(exclude_categories=["Cs"])))
def test_an_id_is_the_standard_librarys(namespace: UUID, name: str) -> None:
    assert uuid5(namespace, name) == str(standard(namespace, name))
