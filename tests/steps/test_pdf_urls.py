"""What a pdf_url may name: a bucket or host on the list, and nothing else."""

from __future__ import annotations

import pytest

from shared.errors import PermanentError
from shared.papers.pdf_urls import S3Place, WebPlace, locate

BUCKETS, HOSTS = {"prescriptions", "with.dots"}, {"files.example.com"}
REGION = "ap-south-1"


def place(url: str) -> S3Place | WebPlace:
    return locate(url, buckets=BUCKETS, hosts=HOSTS)


@pytest.mark.parametrize(
    ("url", "key", "region"),
    [
        ("s3://prescriptions/2026/rx 1.pdf", "2026/rx 1.pdf", None),
        ("s3://prescriptions/a#b?c%20d.pdf", "a#b?c%20d.pdf", None),
        ("https://prescriptions.s3.ap-south-1.amazonaws.com/y/rx%201.pdf", "y/rx 1.pdf", REGION),
        ("https://prescriptions.s3-ap-south-1.amazonaws.com/a+b.pdf", "a+b.pdf", REGION),
        ("https://prescriptions.s3.amazonaws.com/rx.pdf", "rx.pdf", None),
        ("https://s3.ap-south-1.amazonaws.com/prescriptions/x/rx.pdf", "x/rx.pdf", REGION),
        ("https://s3.dualstack.ap-south-1.amazonaws.com/prescriptions/rx.pdf", "rx.pdf", REGION),
        ("https://S3.AMAZONAWS.COM/prescriptions/rx.pdf?X-Amz-Signature=0", "rx.pdf", None),
    ],
)  # fmt: skip
def test_every_form_of_an_s3_url_is_read(url: str, key: str, region: str | None) -> None:
    assert place(url) == S3Place("prescriptions", key, region)


def test_a_bucket_may_have_dots() -> None:
    assert place(f"https://with.dots.s3.{REGION}.amazonaws.com/a.pdf") == S3Place(
        "with.dots", "a.pdf", REGION
    )


def test_an_allowed_host_is_read() -> None:
    url = "https://files.example.com/rx.pdf?v=1"
    assert place(f"{url}#page=2") == WebPlace(url, "files.example.com")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "pdf_url_unreadable"),
        ("rx.pdf", "pdf_url_unreadable"),
        ("http://files.example.com/rx.pdf", "pdf_url_unreadable"),
        ("ftp://files.example.com/rx.pdf", "pdf_url_unreadable"),
        ("file:///etc/passwd", "pdf_url_unreadable"),
        ("https://[broken/rx.pdf", "pdf_url_unreadable"),
        ("https://files.example.com:99999/rx.pdf", "pdf_url_unreadable"),
        ("s3://prescriptions", "pdf_url_unreadable"),
        ("s3:///rx.pdf", "pdf_url_unreadable"),
        ("https://s3.amazonaws.com/prescriptions", "pdf_url_unreadable"),
        ("s3://backups/all.sql", "pdf_bucket_not_allowed"),
        ("https://backups.s3.amazonaws.com/all.sql", "pdf_bucket_not_allowed"),
        ("https://evil.example.com/rx.pdf", "pdf_host_not_allowed"),
        ("https://files.example.com@evil.example.com/rx.pdf", "pdf_host_not_allowed"),
        ("https://user@files.example.com/rx.pdf", "pdf_host_not_allowed"),
        ("https://files.example.com:8443/rx.pdf", "pdf_host_not_allowed"),
        ("https://files.example.com.evil.example.com/rx.pdf", "pdf_host_not_allowed"),
        ("https://127.0.0.1/rx.pdf", "pdf_host_not_allowed"),
        ("https://s3.amazonaws.com.evil.example.com/prescriptions/a", "pdf_host_not_allowed"),
    ],
)
def test_anything_else_is_refused_for_good(url: str, code: str) -> None:
    with pytest.raises(PermanentError) as refused:
        place(url)
    assert refused.value.code == code
