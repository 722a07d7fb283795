"""PDFs from S3 to Storage through real S3 clients: whole or not at all, in little memory."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Generator
from typing import Any

import pytest

from infra.local.loopback import LoopbackServer, Request, Response
from infra.local.processes import base_environment, free_port
from shared.errors import PermanentError, SyncError, TransientError
from shared.papers.pdf_stream import PART, PdfMissingError, PdfStream
from shared.stores.pdf_sources import PdfSources
from shared.stores.storage import Storage
from tests.contract.s3 import PATH, PDF, SOURCE, TARGET, URL, Endpoints, endpoints_running
from tests.contract.serving import serving
from tests.databases import REPOSITORY


@pytest.fixture(scope="module", name="endpoints")
def _endpoints() -> Generator[Endpoints]:
    with endpoints_running() as endpoints:
        yield endpoints


@pytest.fixture(autouse=True)
def _configured(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in endpoints.settings.items():
        monkeypatch.setenv(name, value)
    endpoints.aws.put_object(Bucket=SOURCE, Key="rx1.pdf", Body=PDF)
    endpoints.storage.delete_object(Bucket=TARGET, Key=PATH.partition("/")[2])


def held(endpoints: Endpoints) -> bytes | None:
    """Return what lies at the path, as a patient's client would get it."""
    found = endpoints.storage.list_objects_v2(Bucket=TARGET).get("Contents", [])
    if not found:
        return None
    return endpoints.storage.get_object(Bucket=TARGET, Key=found[0]["Key"])["Body"].read()


def copy(url: str = URL) -> PdfStream:
    with PdfSources().open(url, None) as stream:
        assert stream is not None
        Storage().upload(PATH, stream)
    return stream


def unfinished(endpoints: Endpoints) -> list[Any]:
    return endpoints.storage.list_multipart_uploads(Bucket=TARGET).get("Uploads", [])


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 7])
def test_a_pdf_of_any_size_arrives_byte_for_byte(endpoints: Endpoints, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    endpoints.aws.put_object(Bucket=SOURCE, Key="rx1.pdf", Body=content)
    stream = copy()
    assert held(endpoints) == content
    assert (stream.seen, stream.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert unfinished(endpoints) == []


def test_a_copy_is_a_pdf_and_can_be_looked_at(endpoints: Endpoints) -> None:
    assert Storage().look(PATH) is None
    copy()
    stored = Storage().look(PATH)
    assert stored is not None
    assert stored.size == len(PDF)
    head = endpoints.storage.head_object(Bucket=TARGET, Key=PATH.partition("/")[2])
    assert head["ContentType"] == "application/pdf"


def test_an_unchanged_source_is_not_sent(endpoints: Endpoints) -> None:
    tag = copy().etag
    with PdfSources().open(URL, tag) as stream:
        assert stream is None
    endpoints.aws.put_object(Bucket=SOURCE, Key="rx1.pdf", Body=b"drawn again")
    with PdfSources().open(URL, tag) as stream:
        assert stream is not None


def test_a_source_that_was_uploaded_in_parts_is_copied_too(endpoints: Endpoints) -> None:
    at = {"Bucket": SOURCE, "Key": "rx1.pdf"}
    upload = {**at, "UploadId": endpoints.aws.create_multipart_upload(**at)["UploadId"]}
    bodies = [b"a" * PART, b"b"]
    parts = [
        {"PartNumber": n, "ETag": endpoints.aws.upload_part(**upload, PartNumber=n, Body=b)["ETag"]}
        for n, b in enumerate(bodies, 1)
    ]
    endpoints.aws.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    copy()
    assert held(endpoints) == b"".join(bodies)


def test_a_missing_object_is_missing_and_a_missing_bucket_is_our_mistake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(PdfMissingError):
        copy(f"s3://{SOURCE}/none.pdf")
    monkeypatch.setenv("PDF_BUCKETS", "no-such-bucket")
    with pytest.raises(TransientError, match="aws_nosuchbucket"):
        copy("s3://no-such-bucket/rx1.pdf")


def test_deleting_takes_what_is_there_and_takes_no_offence_at_what_is_not(
    endpoints: Endpoints,
) -> None:
    copy()
    Storage().delete([PATH, f"{TARGET}/u1/none.pdf"])
    Storage().delete([])
    assert held(endpoints) is None


def test_more_files_than_a_listing_and_a_deletion_hold_are_all_found_and_deleted(
    endpoints: Endpoints,
) -> None:
    mine = [f"many/page{number:04}.jpg" for number in range(1003)]
    for key in [*mine, "many2/kept.jpg"]:
        endpoints.storage.put_object(Bucket=TARGET, Key=key, Body=b"x")
    found = Storage().below(f"{TARGET}/many/")
    assert sorted(found) == [f"{TARGET}/{key}" for key in mine]
    Storage().delete([*found, f"{TARGET}/many/never-there.jpg"])
    assert Storage().below(f"{TARGET}/many/") == []
    assert Storage().below(f"{TARGET}/many2/") == [f"{TARGET}/many2/kept.jpg"]
    Storage().delete([*found, f"{TARGET}/many2/kept.jpg"])
    assert Storage().below(f"{TARGET}/nobody/") == []


def test_a_file_that_storage_does_not_delete_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b"<DeleteResult><Error><Key>k</Key><Code>InternalError</Code></Error></DeleteResult>"
    server = LoopbackServer(0, lambda _: Response(200, answer, {"Content-Type": "application/xml"}))
    with serving(server) as port:
        monkeypatch.setenv("SUPABASE_S3_URL", f"http://127.0.0.1:{port}")
        with pytest.raises(TransientError, match="storage_delete_failed"):
            Storage().delete([PATH])


@pytest.mark.parametrize("size", [len(PDF), 3 * PART])
@pytest.mark.parametrize(
    ("promised", "code"),
    [({"size": -1}, "pdf_truncated"), ({"md5": "0" * 32}, "pdf_corrupted")],
)
def test_a_source_that_breaks_its_promise_leaves_nothing_visible(
    endpoints: Endpoints, size: int, promised: dict[str, Any], code: str
) -> None:
    chunks = [bytes(size)[at : at + 100_000] for at in range(0, size, 100_000)]
    stream = PdfStream(iter(chunks), '"tag"', **promised)
    with pytest.raises(TransientError, match=code):
        Storage().upload(PATH, stream)
    assert held(endpoints) is None
    assert unfinished(endpoints) == []


def test_a_broken_off_copy_leaves_the_earlier_one_as_it_was(endpoints: Endpoints) -> None:
    copy()
    with pytest.raises(TransientError):
        Storage().upload(PATH, PdfStream(iter([bytes(3 * PART)]), size=3 * PART + 1))
    assert held(endpoints) == PDF


def test_a_source_that_breaks_off_in_the_middle_leaves_nothing_visible(
    endpoints: Endpoints,
) -> None:
    def breaking() -> Generator[bytes]:
        yield bytes(2 * PART)
        raise TransientError("aws_unreachable")

    with pytest.raises(TransientError, match="aws_unreachable"):
        Storage().upload(PATH, PdfStream(breaking(), size=3 * PART))
    assert held(endpoints) is None
    assert unfinished(endpoints) == []


def test_a_file_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.papers.pdf_stream.MAX_BYTES", PART)
    with pytest.raises(PermanentError, match="pdf_too_large"):
        Storage().upload(PATH, PdfStream(iter([bytes(PART), b"x"])))


def refusing(status: int, code: str) -> Callable[[Request], Response]:
    body = f"<Error><Code>{code}</Code><Message>secret key name</Message></Error>".encode()
    return lambda _request: Response(status, body, {"Content-Type": "application/xml"})


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", TransientError("aws_accessdenied")),
        (403, "SignatureDoesNotMatch", TransientError("aws_signaturedoesnotmatch")),
        (403, "InvalidObjectState", TransientError("aws_invalidobjectstate")),
        (503, "SlowDown", TransientError("aws_slowdown")),
        (500, "InternalError", TransientError("aws_internalerror")),
    ],
)
def test_a_source_that_refuses_us_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, expected: SyncError
) -> None:
    with serving(LoopbackServer(0, refusing(status, code))) as port:
        monkeypatch.setenv("AWS_S3_URL", f"http://127.0.0.1:{port}")
        with pytest.raises(TransientError) as raised:
            copy()
    assert raised.value.code == expected.code
    assert "secret" not in repr(raised.value)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AccessDenied", TransientError),
        (503, "SlowDown", TransientError),
        (413, "EntityTooLarge", PermanentError),
        (400, "InvalidKey", PermanentError),
    ],
)
def test_storage_that_refuses_the_file_says_so(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, kind: type[SyncError]
) -> None:
    with serving(LoopbackServer(0, refusing(status, code))) as port:
        monkeypatch.setenv("SUPABASE_S3_URL", f"http://127.0.0.1:{port}")
        with pytest.raises(kind) as raised:
            copy()
    assert str(raised.value) == f"storage_{code.lower()}"


def test_a_404_that_is_none_of_s3s_does_not_say_that_a_file_is_missing(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a missing file the copy would be deleted: a wrong address must not do that."""
    lost = Response(404, b'{"message": "no Route matched with those values"}')
    with serving(LoopbackServer(0, lambda _request: lost)) as port:
        for setting, code in (("SUPABASE_S3_URL", "storage_404"), ("AWS_S3_URL", "aws_404")):
            monkeypatch.setenv(setting, f"http://127.0.0.1:{port}")
            with pytest.raises(TransientError, match=f"^{code}$"):
                copy()
        with pytest.raises(TransientError, match=r"^storage_404$"):
            Storage().below(f"{TARGET}/u1/")
    assert held(endpoints) is None


def test_storage_is_found_below_an_address_that_ends_in_a_slash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.path)
        return Response(404)

    monkeypatch.delenv("SUPABASE_S3_URL")
    with serving(LoopbackServer(0, answer)) as port:
        monkeypatch.setenv("SUPABASE_URL", f"http://127.0.0.1:{port}/")
        assert Storage().look(f"{TARGET}/a") is None
    assert asked == [f"/storage/v1/s3/{TARGET}/a"]


def test_nobody_there_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_S3_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TransientError, match="aws_unreachable"):
        copy()


# Peak memory is only to be had per process; a small copy first loads what is loaded once.
_MEASURED = """
import resource, sys
from shared.stores.pdf_sources import PdfSources
from shared.stores.storage import Storage

def copy(key):
    with PdfSources().open(f"s3://prescriptions/{key}", None) as stream:
        return Storage().upload("documents/u1/prescriptions/rx1.pdf", stream).size

copy("rx1.pdf")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = copy("large.pdf")
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(size, (after - before) * (1 if sys.platform == "darwin" else 1024))
"""


def test_a_hundred_megabytes_pass_through_less_than_twenty(endpoints: Endpoints) -> None:
    size = 100 * 1024 * 1024
    endpoints.aws.put_object(Bucket=SOURCE, Key="large.pdf", Body=bytes(size))
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURED],
        env=base_environment(**endpoints.settings),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    copied, grown = map(int, measured.stdout.split())
    assert copied == size
    assert grown < 20_000_000
