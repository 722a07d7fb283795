"""
What Storage and the PDFs' source are asked is what boto3 asks, with a signature that holds for the
very bytes that arrive. moto, which the other tests use, looks at no signature.
"""

from __future__ import annotations

import http.server
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from shared.errors import TransientError
from shared.papers.pdf_stream import PART, PdfStream
from shared.stores.s3 import S3
from shared.stores.storage import Storage
from tests.contract.serving import serving

KEY, SECRET, REGION, BUCKET = "made-up-key", "made-up-secret", "eu-central-1", "documents"
NAMES = ["u1/prescriptions/rx1.pdf", "a b+c/ü~(1)!*'.pdf", "50%/x&y=z?#;:@$,.pdf", "a//b/../c/."]
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
SMALL, LARGE = b"small", bytes(PART) + b"rest"
ANSWERS = {
    ("POST", "uploads"): f"<InitiateMultipartUploadResult {NAMESPACE}>"
    "<UploadId>up+load/1=</UploadId></InitiateMultipartUploadResult>",
    ("POST", "uploadId"): f"<CompleteMultipartUploadResult {NAMESPACE}/>",
    ("POST", "delete"): f"<DeleteResult {NAMESPACE}/>",
    ("GET", "list-type"): f"<ListBucketResult {NAMESPACE}/>",
}


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def meaning(self) -> tuple[Any, ...]:
        """Return what is asked, without what differs from one moment or client to another."""
        url = urlsplit(self.target)
        query = sorted(parse_qsl(url.query, keep_blank_values=True))
        kept = {"content-type", "if-none-match", "content-length"}
        headers = {name: value for name, value in self.headers.items() if name in kept}
        if not self.body.startswith(b"<"):
            return self.method, url.path, query, headers, self.body
        del headers["content-length"]
        said = ET.fromstring(self.body)  # noqa: S314 - made here or by boto3
        return self.method, url.path, query, headers, ET.tostring(said)

    def signature(self, origin: str) -> str:
        """Return the signature that these bytes must have."""
        given = self.headers["authorization"].rpartition("SignedHeaders=")[2].partition(",")[0]
        request = AWSRequest(
            self.method,
            origin + self.target,
            {name: self.headers[name] for name in given.split(";")},
            self.body,
        )
        request.context["timestamp"] = self.headers["x-amz-date"]
        signer = S3SigV4Auth(Credentials(KEY, SECRET), "s3", REGION)
        canonical = signer.canonical_request(request)
        return str(signer.signature(signer.string_to_sign(request, canonical), request))


class Recorder(http.server.ThreadingHTTPServer):
    """Takes down requests, and answers as S3 does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.asked: list[Asked] = []
        self.size = 0  # of what HEAD is asked about
        self.instead: dict[str, str] = {}  # answers by what the query has
        self.tag = '"tag"'

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        server.asked.append(Asked(self.command, self.path, headers, body))
        query, is_head = urlsplit(self.path).query, self.command == "HEAD"
        usual = next((a for (m, q), a in ANSWERS.items() if m == self.command and q in query), "")
        said = next((a for q, a in server.instead.items() if q in query), usual).encode()
        self.send_response(200)
        if server.tag:
            self.send_header("ETag", server.tag)
        self.send_header("Content-Length", str(server.size if is_head else len(said)))
        self.end_headers()
        if not is_head:
            self.wfile.write(said)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


@pytest.fixture(name="s3")
def _s3(monkeypatch: pytest.MonkeyPatch) -> Generator[Recorder]:
    with Recorder() as server, serving(server):
        for name, value in {
            "SUPABASE_S3_URL": server.origin, "SUPABASE_S3_KEY": KEY, "SUPABASE_S3_SECRET": SECRET,
            "SUPABASE_S3_REGION": REGION,
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield server


def boto(server: Recorder) -> Any:
    return boto3.client(
        "s3", endpoint_url=server.origin, region_name=REGION,
        aws_access_key_id=KEY, aws_secret_access_key=SECRET,
        config=Config(
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",
        ),
    )  # fmt: skip


def ask_boto(server: Recorder, key: str) -> None:
    """Ask all that we ask, in the same order."""
    s3, at = boto(server), {"Bucket": BUCKET, "Key": key}
    pdf = {**at, "ContentType": "application/pdf"}
    s3.get_object(**at)["Body"].read()
    s3.get_object(**at, IfNoneMatch='"tag"')["Body"].read()
    s3.put_object(**pdf, Body=SMALL)
    s3.head_object(**at)
    this = {**at, "UploadId": s3.create_multipart_upload(**pdf)["UploadId"]}
    s3.upload_part(**this, PartNumber=1, Body=LARGE[:PART])
    s3.upload_part(**this, PartNumber=2, Body=LARGE[PART:])
    tags = [{"PartNumber": n, "ETag": '"tag"'} for n in (1, 2)]
    s3.complete_multipart_upload(**this, MultipartUpload={"Parts": tags})
    s3.head_object(**at)
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key}], "Quiet": True})
    s3.list_objects_v2(Bucket=BUCKET, Prefix=key)


def ask(server: Recorder, key: str) -> None:
    source = S3("aws", url=server.origin, key=KEY, secret=SECRET, region=REGION)
    storage, path = Storage(), f"{BUCKET}/{key}"
    source.send("GetObject", "GET", path)
    source.send("GetObject", "GET", path, headers={"If-None-Match": '"tag"'})
    for content in (SMALL, LARGE):
        server.size = len(content)
        storage.upload(path, PdfStream(iter([content])))
    storage.delete([path])
    storage.below(path)


@pytest.mark.parametrize("key", NAMES)
def test_every_operation_is_asked_as_boto3_asks_it(s3: Recorder, key: str) -> None:
    ask_boto(s3, key)
    theirs, s3.asked = s3.asked, []
    ask(s3, key)
    assert [asked.meaning() for asked in s3.asked] == [asked.meaning() for asked in theirs]


def test_it_says_who_asks_and_not_which_library(s3: Recorder) -> None:
    """Gateways turn Python's libraries away by their names, as scrapers."""
    ask(s3, "a")
    assert {asked.headers["user-agent"] for asked in s3.asked} == {"healbridge-sync"}


@pytest.mark.parametrize("key", NAMES)
def test_every_signature_holds_for_what_arrives(s3: Recorder, key: str) -> None:
    ask(s3, key)
    for asked in s3.asked:
        assert asked.headers["authorization"].endswith(f"Signature={asked.signature(s3.origin)}")
        assert "x-amz-content-sha256" in asked.headers["authorization"]


def test_a_refusal_that_comes_with_status_200_is_one_and_the_upload_is_given_up(
    s3: Recorder,
) -> None:
    """S3 sends the status of a completion before it has done the work."""
    s3.instead["uploadId"] = "<Error><Code>InternalError</Code></Error>"
    with pytest.raises(TransientError, match=r"^storage_internalerror$"):
        Storage().upload("documents/a", PdfStream(iter([LARGE])))
    assert [asked.method for asked in s3.asked][-2:] == ["POST", "DELETE"]


@pytest.mark.parametrize("answer", ["", "no XML", "<cut off"])
def test_an_answer_that_cannot_be_read_is_asked_for_again(s3: Recorder, answer: str) -> None:
    s3.instead = {"list-type": answer, "delete": answer}
    with pytest.raises(TransientError, match=r"^storage_unreadable$"):
        Storage().below("documents/a/")
    with pytest.raises(TransientError, match=r"^storage_unreadable$"):
        Storage().delete(["documents/a"])


def test_what_a_listing_tells_of_a_neighbours_folder_is_not_of_this_one(s3: Recorder) -> None:
    """Supabase Storage compares by LIKE, where an underscore of a uid stands for any character."""
    keys = ["a_b/one.pdf", "a%5Fb%2Ftwo.pdf", "aXb/theirs.pdf", "A_b/theirs.pdf"]
    contents = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
    s3.instead["list-type"] = f"<ListBucketResult {NAMESPACE}>{contents}</ListBucketResult>"
    assert Storage().below("documents/a_b/") == ["documents/a_b/one.pdf", "documents/a_b/two.pdf"]


def test_a_file_without_a_tag_is_no_answer_of_s3(s3: Recorder) -> None:
    s3.tag = ""
    with pytest.raises(TransientError, match=r"^storage_unreadable$"):
        Storage().look("documents/a")
