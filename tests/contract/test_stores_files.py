"""PDFs and Storage, in memory and on S3: what steps may rely on."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from shared.errors import PermanentError, TransientError
from shared.papers.pdf_stream import PdfMissingError, PdfStream
from shared.stores.pdf_sources import PdfSources
from shared.stores.storage import Storage
from tests.contract.s3 import PATH, PDF, SOURCE, TARGET, URL, Endpoints, endpoints_running
from tests.memory.files import MemoryPdfSources, MemoryStorage

OTHER = f"{TARGET}/u10/prescriptions/rx1.pdf"


@pytest.fixture(scope="module", name="endpoints")
def _endpoints() -> Generator[Endpoints]:
    with endpoints_running() as endpoints:
        yield endpoints


class InMemory:
    """Both ends in memory."""

    def __init__(self) -> None:
        self.sources: Any = MemoryPdfSources()
        self.storage: Any = MemoryStorage()

    def put(self, content: bytes) -> None:
        """Draw the PDF, as the backend does."""
        self.sources.pdfs[URL] = content


class OnS3:
    """Both ends through S3 clients, in the words of InMemory."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.sources: Any = PdfSources()
        self.storage: Any = Storage()
        self._endpoints = endpoints

    def put(self, content: bytes) -> None:
        """Draw the PDF, as the backend does."""
        self._endpoints.aws.put_object(Bucket=SOURCE, Key="rx1.pdf", Body=content)


@pytest.fixture(name="at", params=["memory", "s3"])
def _at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> InMemory | OnS3:
    if request.param == "memory":
        return InMemory()
    endpoints: Endpoints = request.getfixturevalue("endpoints")
    for name, value in endpoints.settings.items():
        monkeypatch.setenv(name, value)
    endpoints.aws.delete_object(Bucket=SOURCE, Key="rx1.pdf")
    at = OnS3(endpoints)
    at.storage.delete([PATH, OTHER])
    return at


Both = InMemory | OnS3


def copy(at: Both, to: str = PATH) -> Any:
    with at.sources.open(URL, None) as stream:
        return at.storage.upload(to, stream)


def test_a_copy_lies_at_its_path_with_the_tag_and_size_that_the_upload_told(at: Both) -> None:
    at.put(PDF)
    assert at.storage.look(PATH) is None
    stored = copy(at)
    assert (at.storage.look(PATH), stored.size) == (stored, len(PDF))


def test_another_content_has_another_tag_and_the_same_has_the_same(at: Both) -> None:
    at.put(PDF)
    first, again = copy(at), copy(at)
    at.put(PDF + b"x")
    assert first == again != copy(at)


def test_an_unchanged_source_is_not_sent(at: Both) -> None:
    at.put(PDF)
    with at.sources.open(URL, None) as stream:
        tag = stream.etag
    with at.sources.open(URL, tag) as unchanged:
        assert unchanged is None
    at.put(PDF + b"x")
    with at.sources.open(URL, tag) as changed:
        assert isinstance(changed, PdfStream)


def test_a_missing_pdf_is_missing_and_a_foreign_bucket_is_refused(at: Both) -> None:
    with pytest.raises(PdfMissingError), at.sources.open(URL, None):
        pass
    refused = pytest.raises(PermanentError, match="pdf_bucket_not_allowed")
    with refused, at.sources.open("s3://elsewhere/rx1.pdf", None):
        pass


def test_a_source_without_its_end_leaves_nothing_visible(at: Both) -> None:
    short = PdfStream(iter([PDF[:-1]]), '"a"', len(PDF), None)
    with pytest.raises(TransientError):
        at.storage.upload(PATH, short)
    assert at.storage.look(PATH) is None


def test_a_folder_lists_its_own_files_and_deleting_takes_no_offence(at: Both) -> None:
    at.put(PDF)
    copy(at)
    copy(at, OTHER)
    assert at.storage.below(f"{TARGET}/u1/") == [PATH]
    at.storage.delete([PATH, f"{TARGET}/u1/unknown.pdf"])
    assert (at.storage.below(f"{TARGET}/u1/"), at.storage.look(PATH)) == ([], None)
    assert at.storage.below(f"{TARGET}/u10/") == [OTHER]
