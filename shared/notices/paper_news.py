"""What a patient is told of a document or a prescription: that it is there, changed, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.events import Ref
from shared.models.notices import News, Paper
from shared.outcomes import Outcome, gone

if TYPE_CHECKING:
    from shared.runner import Batch

# Older papers come from a first synchronisation or a repair, and are no news. Pub/Sub keeps an
# event for seven days, so a paper that is announced late is still within it.
_NEW_FOR = timedelta(days=7)


def news_of(papers: Mapping[str, Paper], now: datetime) -> list[News]:
    """Return how the papers stand, of patients who can be told."""
    return [_news(paper, paper.uid, now) for paper in papers.values() if paper.uid is not None]


def withdrawn(batch: Batch, papers: Mapping[str, Paper]) -> dict[str, int]:
    """Return which papers hold no more, deleted or revoked, and since which version."""
    gone_at = {ref.key: ref.version for ref in batch.refs if ref.key not in papers}
    return gone_at | {paper.id: paper.version for paper in papers.values() if paper.revoked}


def untold(batch: Batch, papers: Mapping[str, Paper]) -> list[Outcome]:
    """Return the outcomes of those that nobody is told of."""
    return [_untold(ref, papers.get(ref.key)) for ref in batch.refs if not _uid(papers, ref)]


def _news(paper: Paper, uid: str, now: datetime) -> News:
    return News(
        key=paper.id,
        version=paper.version,
        uid=uid,
        state="revoked" if paper.revoked else paper.digest,
        first="new" if now - paper.created_at <= _NEW_FOR and not paper.revoked else None,
        later="revoked" if paper.revoked else "changed",
        appointment_id=paper.appointment_id,
    )


def _uid(papers: Mapping[str, Paper], ref: Ref) -> str | None:
    paper = papers.get(ref.key)
    return paper.uid if paper else None


def _untold(ref: Ref, paper: Paper | None) -> Outcome:
    return gone(ref) if paper is None else Outcome(ref, "gone", "patient_without_sign_in")
