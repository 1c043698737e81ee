"""The report of a finished run in headless Chromium: everything is found and shown, and nothing is complained of."""

import json
import shutil

import pytest
from repository import SMALL
from selenium import webdriver

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
EXPERIMENTS = SMALL["experiments"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None, reason="no browser: apt-get install chromium chromium-driver"
    ),
]

LOOKS = """
const all = (what, how) => [...document.querySelectorAll(what)].map(how)
const seen = (node) => { const box = node.getBoundingClientRect(); return box.width > 100 && box.height > 20 }
return {
    links: all("nav a", (link) => document.querySelector(link.getAttribute("href")) !== null),
    figures: all("figure img", (image) => image.complete && image.naturalWidth > 100 && seen(image)),
    tables: all("main table", (table) => table.rows.length > 1 && seen(table)),
    stages: all("svg text[font-weight]", (text) => text.textContent),
    findings: all(".findings tbody tr", (row) => row.textContent),
    fetched: performance.getEntriesByType("resource").map((entry) => entry.name.slice(0, 100)),
    too_wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
}
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for switch in (
        *("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1400,900"),
        *("no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"),
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(f"--{switch}")
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def opened(finished, browser, tmp_path_factory):
    """What the browser shows of the report, copied to a folder where nothing else is."""
    alone = tmp_path_factory.mktemp("alone") / "report.html"
    shutil.copy(finished.path("results", "report.html"), alone)
    browser.get(alone.as_uri())
    return browser.execute_script(LOOKS)


def test_every_figure_and_table_is_shown(opened, finished):
    drawn = list(finished.path("results", "figures").glob("*.png"))
    tables = list(finished.path("results", "tables").glob("*.html"))
    assert opened["figures"] == [True] * (len(drawn) + 1)  # and the overview
    filled = [path for path in tables if "<table" in path.read_text()]
    assert len(opened["tables"]) > len(filled) > 5 and all(
        opened["tables"]
    )  # and those of claims, provenance and findings


def test_it_opens_with_findings_and_the_way_to_them(opened, finished):
    findings = json.loads(finished.path("results", "findings.json").read_text())
    answered = [row for row in findings if row["comparison"] == "order" or row["best"]]
    assert len(opened["findings"]) == len(answered) > 2
    assert opened["stages"] == ["fetch", "select", "encode", "extract", "pool", "compare", "statistics", "draw"]
    assert len(opened["links"]) == len(EXPERIMENTS) + 5 and all(opened["links"])


def test_it_needs_no_other_file_and_no_network(opened, browser):
    assert not [name for name in opened["fetched"] if not name.startswith("data:")]
    assert browser.get_log("browser") == []


def test_a_figure_can_be_seen_in_full_size(opened, browser):
    width = "return [...document.querySelectorAll('figure img')].map((image) => image.clientWidth / image.naturalWidth)"
    shrunk = browser.execute_script(width)
    place = shrunk.index(min(shrunk))
    assert shrunk[place] < 1
    browser.execute_script(f"document.querySelectorAll('figure a[title]')[{place}].click()")
    assert browser.execute_script(width)[place] == 1
    browser.execute_script(f"document.querySelectorAll('figure .close')[{place}].click()")
    assert browser.execute_script(width) == shrunk


def test_nothing_reaches_over_the_page(opened):
    assert opened["too_wide"] == 0
