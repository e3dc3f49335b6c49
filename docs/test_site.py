"""The site in a real browser: `make test-docs`, after `make docs`."""

import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Error, sync_playwright

SITE = Path(__file__).parent / "_build" / "html"
SCREENSHOTS = SITE.parent / "screenshots"
BROWSERS = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "chrome")
PAGES = sorted(
    str(path.relative_to(SITE))
    for path in SITE.rglob("*.html")
    if path.parts[len(SITE.parts)] not in ("_static", "_modules", "_downloads")
)
WIDTHS = (400, 1280)
SHOWN = (  # in the folder of screenshots
    "index.html",
    "start/which_class.html",
    "recipes/forecast.html",
    "equations.html",
    "api/generated/sklstm.LSTMClassifier.html",
    "gallery/index.html",
    "gallery/paper/plot_temporal_order.html",
    "results/index.html",
    "troubleshooting.html",
)


class Quiet(SimpleHTTPRequestHandler):
    """A server that logs nothing."""

    def log_message(self, *args): ...


@pytest.fixture(scope="module")
def site():
    """Address of the built site."""
    assert PAGES, "no site: `make docs` builds it"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    """Chromium: the system's, otherwise the one that playwright has installed."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except Error as error:
            pytest.fail(f"no browser; install Debian's chromium, or `playwright install chromium`: {error}")
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page that keeps what goes wrong in `problems`."""
    page = browser.new_page(viewport={"width": WIDTHS[-1], "height": 900})
    page.problems = []
    page.on("console", lambda message: message.type == "error" and page.problems.append(message.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("requestfailed", lambda request: page.problems.append(f"failed: {request.url}"))
    page.on("response", lambda got: got.status >= 400 and page.problems.append(f"{got.status}: {got.url}"))
    yield page
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_loads_and_fits(site, page, name):
    page.goto(f"{site}/{name}", wait_until="load")
    if page.locator(".math").count():
        page.wait_for_selector("mjx-container", state="attached")
        assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    broken = page.evaluate(
        "Array.from(document.images).filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
    )
    assert broken == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if name in SHOWN:
            SCREENSHOTS.mkdir(exist_ok=True)
            page.screenshot(path=SCREENSHOTS / f"{name[:-5].replace('/', '_')}_{width}.png")
    assert page.problems == []


@pytest.mark.parametrize("word", ["forget_gate_bias", "TimeSeriesSplit", "LSTMClassifier"])
def test_search_finds(site, page, word):
    page.goto(f"{site}/search.html?q={word}")
    page.wait_for_selector("#search-results ul.search li a")
    links = page.locator("#search-results ul.search li a").all()
    assert any("LSTM" in link.inner_text() or "recipes" in link.get_attribute("href") for link in links)
    page.screenshot(path=SCREENSHOTS / f"search_{word}.png")
    assert page.problems == []


def test_mathematics_is_typeset(site, page):
    page.goto(f"{site}/equations.html")
    page.wait_for_selector("mjx-container[display='true']")
    formulas = page.locator(".math").count()
    assert formulas > 100
    page.wait_for_function(f"document.querySelectorAll('mjx-container').length >= {formulas}")
    assert page.locator("mjx-container").first.bounding_box()["width"] > 5


def test_dark_mode_and_copy_buttons(site, page):
    page.goto(f"{site}/start/index.html")
    assert page.locator("button.copybtn").count() >= 3
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(1000)  # colours change slowly
    assert page.evaluate(background) != before
    assert page.locator("button.theme-switch-button").count()
    page.screenshot(path=SCREENSHOTS / "start_dark.png")
    for text in ("article p", ".navbar .dropdown-toggle", ".search-button-field"):
        colour = page.evaluate(f"getComputedStyle(document.querySelector('{text}')).color")
        numbers = list(map(float, re.findall(r"[\d.]+", colour)[:3]))
        assert sum(numbers) > 300, f"{text} is dark on dark: {colour}"


def test_header_has_the_version(site, page):
    sklstm = pytest.importorskip("sklstm")
    page.goto(f"{site}/index.html")
    assert sklstm.__version__ in page.locator(".bd-header").inner_text()
