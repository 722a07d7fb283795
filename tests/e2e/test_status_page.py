"""The status page in a headless Chromium, as an operator uses it: it is looked at, and replays."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

from infra.local.chromium import browser
from infra.local.stack import REPOSITORY
from tests.e2e.conftest import Running, eventually
from tests.e2e.test_documents_chain import paper, stored
from tests.e2e.test_users_chain import settled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BUILD = REPOSITORY / "build"
SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module", name="chromium")
def _chromium() -> Generator[Browser]:
    with browser() as chromium:
        yield chromium


def visit(chromium: Browser, running: Running, screen: str) -> tuple[Page, list[str]]:
    """Open the page; return it with whatever it complains of."""
    width, height = SCREENS[screen]
    page = chromium.new_page(viewport={"width": width, "height": height})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(running.facts["steps_url"])
            else complaints.append("a request to a third party")
        ),
    )
    page.goto(running.facts["status_page"])
    page.wait_for_selector(".map svg")
    return page, complaints


def park(running: Running) -> tuple[str, str]:
    """Park a document whose patient is unknown; then let the patient sign up."""
    uid = f"page-{uuid4().hex[:12]}"
    upload = paper(uid, "Demoxil")
    running.edge.insert([upload])
    running.settled(upload["id"], "store_document", "parked")
    base = f"http://{running.facts['auth_emulator']}/identitytoolkit.googleapis.com/v1"
    body = {"localId": uid, "phoneNumber": "+919812100001"}
    httpx.post(
        f"{base}/projects/{running.facts['project_id']}/accounts",
        json=body,
        headers={"Authorization": "Bearer owner"},
    ).raise_for_status()
    settled(running, uid)
    return uid, upload["id"]


def shown(page: Page) -> dict[str, str]:
    """Return the page's numbers, by their names."""
    numbers = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('#numbers dt')].map(dt =>"
        " [dt.textContent, dt.parentElement.querySelector('dd').textContent]))"
    )
    return {name: numbers[name] for name in ("core users", "Supabase documents", "parked")}


def counted(running: Running) -> dict[str, str]:
    """Return the same numbers from rows that are counted."""
    [core] = running.core(
        "select (select count(*) from users) as users,"
        " (select count(*) from sync.ledger where state = 'parked') as parked"
    )
    [supabase] = running.supabase("select count(*) as documents from documents")
    return {
        "core users": f"{core['users']:,}",
        "Supabase documents": f"{supabase['documents']:,}",
        "parked": f"{core['parked']:,}",
    }


def test_a_click_on_the_page_replays_what_is_parked(running: Running, chromium: Browser) -> None:
    uid, document = park(running)
    page, complaints = visit(chromium, running, "desktop")

    eventually(lambda: shown(page) == counted(running))  # the page looks again by itself

    page.fill("#uid", uid)
    page.click("#ask button")
    page.wait_for_selector(".timeline li")
    page.screenshot(path=BUILD / "status-desktop.png", full_page=True)
    page.click("#replay-store_document-patient_not_in_core")

    eventually(lambda: stored(running, document))
    page.wait_for_function("document.getElementById('replayed').textContent.includes('once more')")
    assert complaints == []


def test_the_page_fits_a_phone(running: Running, chromium: Browser) -> None:
    page, complaints = visit(chromium, running, "phone")
    page.screenshot(path=BUILD / "status-phone.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS["phone"][0]
    assert complaints == []
