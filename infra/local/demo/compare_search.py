"""Compare search chunks with the uploads' text, and copied files with their originals."""

from __future__ import annotations

from collections.abc import Iterator

from infra.local.demo.stores import Row, Stores


def upload_chunks(stores: Stores) -> Iterator[str]:
    """Every upload with text is searchable as it stands, once, under its owner."""
    uploads = {row["id"]: row for row in stores.uploads}
    known = uploads.keys() | {row["id"] for row in stores.mirrors}
    chunks: dict[str, list[Row]] = {}
    for chunk in stores.chunks:
        if chunk["document_id"] in known:
            chunks.setdefault(chunk["document_id"], []).append(chunk)
        else:
            yield f"chunk of {chunk['document_id']}: no such document"
    for key, upload in uploads.items():
        found = chunks.get(key, [])
        if any(c["dimensions"] != 1536 or c["uid"] != upload["uid"] for c in found):
            yield f"document {key}: chunk embedding or owner"
        ours = [c["chunk_index"] for c in found if c["content_hash"]]
        if ours and ours != list(range(len(found))):
            yield f"document {key}: chunks twice or missing"
        pieces = sorted("".join(c["chunk_text"].split()) for c in found)
        if sum(map(len, pieces)) != len("".join((upload["text"] or "").split())):
            yield f"document {key}: chunks are not its text"
        if any(piece not in "".join((upload["text"] or "").split()) for piece in pieces):
            yield f"document {key}: chunk of another text"


def files(stores: Stores) -> Iterator[str]:
    """Storage holds the pages of every upload and the PDFs of every prescription; nothing else."""
    left = set(stores.files) - {row["file_url"] for row in stores.uploads}
    mirrors = {row["id"]: row for row in stores.mirrors}
    for source in stores.prescriptions:
        mirror = mirrors.get(source["mirror_id"])
        if mirror is None:
            continue
        if mirror["revoked"] or source["pdf_url"] not in stores.pdfs:
            if mirror["file_url"] is not None:
                yield f"prescription {source['id']}: a file without a PDF"
        elif stores.files.get(mirror["file_url"]) != stores.pdfs[source["pdf_url"]]:
            yield f"prescription {source['id']}: PDF"
        elif not mirror["file_url"].startswith(f"documents/{mirror['uid']}/"):
            yield f"prescription {source['id']}: PDF in another's folder"
        left.discard(mirror["file_url"])
    yield from (f"file {path}: belongs to nothing" for path in sorted(left))
    pages = {row["file_url"] for row in stores.uploads if row["file_url"]}
    yield from (f"page {path}: gone" for path in sorted(pages - set(stores.files)))


def copied(stores: Stores) -> int:
    """Return how many PDFs lie in Storage byte for byte as in the backend's S3."""
    mirrors = {row["id"]: row for row in stores.mirrors}
    return sum(
        source["pdf_url"] in stores.pdfs
        and stores.files.get(mirrors[source["mirror_id"]]["file_url"])
        == stores.pdfs[source["pdf_url"]]
        for source in stores.prescriptions
        if source["mirror_id"] in mirrors
    )
