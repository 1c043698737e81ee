"""The report and the explorer of a finished run in headless Chromium: all is shown, and nothing is complained of."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import axe_core_python
import pandas as pd
import pytest
from repository import SMALL
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

import semlens
from semlens.config.studies import SECTIONS
from semlens.storage.planes import NEIGHBOURS

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
EXPERIMENTS = SMALL["experiments"]
STUDIES = [name for section in SECTIONS for name in SMALL[section]]

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
    stages: all(".stages b", (text) => text.textContent),
    findings: all(".findings tbody tr", (row) => row.textContent),
    fetched: performance.getEntriesByType("resource").map((entry) => entry.name.slice(0, 100)),
    too_wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
}
"""

UNFOLD = """
for (const node of document.querySelectorAll("details")) node.open = true
for (const image of document.images) image.loading = "eager"
"""
LOADED = "return [...document.images].every((image) => image.complete)"
CLIPPED = """
const right = document.documentElement.clientWidth + 1
const scrolls = (node) => node && (getComputedStyle(node).overflowX === "auto" || scrolls(node.parentElement))
return [...document.querySelectorAll("main *")].filter((node) =>
    node.getClientRects().length && node.getBoundingClientRect().right > right && !scrolls(node)
).map((node) => node.outerHTML.slice(0, 80))
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
    folded = browser.execute_script("return document.documentElement.scrollHeight")
    browser.execute_script(UNFOLD)
    WebDriverWait(browser, 20).until(lambda _: browser.execute_script(LOADED))
    return browser.execute_script(LOOKS) | {"folded": folded}


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
    assert len(opened["links"]) == len(STUDIES) + 4 and all(opened["links"])


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


@contextmanager
def emulated(browser, width, *, media="screen", scheme="light"):
    """Show the page as wide as this, on paper, or in the dark."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    yield
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


PAPER = round((297 - 2 * 12) / 25.4 * 96)  # CSS pixels of A4, landscape, between its margins


@pytest.mark.parametrize(("width", "media"), [(1400, "screen"), (768, "screen"), (400, "screen"), (PAPER, "print")])
def test_nothing_is_clipped(opened, browser, width, media):
    with emulated(browser, width, media=media):
        assert browser.execute_script(CLIPPED) == []


def list_violations(browser, scheme):
    with emulated(browser, 1400, scheme=scheme):
        browser.set_script_timeout(120)
        browser.execute_script((Path(axe_core_python.__file__).parent / "axe.min.js").read_text())
        violations = browser.execute_async_script("axe.run().then((found) => arguments[0](found.violations))")
    return {violation["id"]: violation["nodes"][0]["html"] for violation in violations}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(opened, browser, scheme):
    """axe-core, with everything unfolded, finds nothing at all."""
    assert list_violations(browser, scheme) == {}


def test_the_first_screen_is_short_and_the_rest_is_folded(opened):
    assert opened["folded"] < 5000


def test_a_link_unfolds_what_it_leads_to_and_escape_closes_a_large_figure(finished, browser):
    browser.get(finished.path("results", "report.html").as_uri())
    name = next(iter(EXPERIMENTS))
    browser.find_element("css selector", f"nav a[href='#experiment-{name}']").click()
    is_open = f"return document.querySelector('#experiment-{name} details').open"
    WebDriverWait(browser, 5).until(lambda _: browser.execute_script(is_open))
    browser.execute_script("location.hash = 'overview'")
    large = "return document.querySelector('figure:target') !== null"
    WebDriverWait(browser, 5).until(lambda _: browser.execute_script(large))
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    WebDriverWait(browser, 5).until(lambda _: not browser.execute_script(large))


# The explorer


PLACE = """
const box = document.getElementById("plot").getBoundingClientRect()
const { x, y, object } = points.data, { x_scale, y_scale } = view.frame
return object.map((name, at) => [name, box.left + x_scale.compute(x[at]), box.top + y_scale.compute(y[at])])
"""


@pytest.fixture
def explored(finished, browser, tmp_path):
    alone = tmp_path / "explorer.html"
    shutil.copy(finished.path("results", "explorer.html"), alone)
    browser.get(alone.as_uri())
    WebDriverWait(browser, 20).until(lambda _: browser.execute_script("return typeof view === 'object'"))
    return browser


def choose(browser, **values):
    for control, value in values.items():
        Select(browser.find_element("id", control)).select_by_value(value)


def ask(browser, expression, *values):
    return browser.execute_script(f"return {expression}", *values)


def point_at(browser, x, y):
    actions = ActionChains(browser)
    actions.w3c_actions.pointer_action.move_to_location(round(x), round(y))
    return actions


def test_the_explorer_shows_every_object_of_what_is_chosen(explored, finished):
    choose(explored, dataset="voc", model="untrained", timestep="100")
    objects = ask(explored, "points.data.object.map((object) => describe(object).id)")
    manifest = pd.read_parquet(finished.path("results", "manifests", "voc", "00000.parquet"))
    assert sorted(objects) == sorted(manifest["instance_id"])
    offered = ask(explored, "KEYS.map((key) => [...find(key).options].map((option) => option.value))")
    assert offered == [["coco", "voc", "davis"], ["tiny", "untrained"], ["noised"], ["enc16.1"], ["1", "100"]]


def test_it_needs_no_other_file_and_no_network_either(explored):
    names = ask(explored, "performance.getEntriesByType('resource').map((entry) => entry.name.slice(0, 60))")
    assert not [name for name in names if not name.startswith("data:")]
    assert not [entry for entry in explored.get_log("browser") if entry["level"] != "INFO"]


def test_pointing_shows_an_object_and_a_click_holds_it(explored):
    places = explored.execute_script(PLACE)
    (one, *there), (other, *elsewhere) = sorted(places, key=lambda place: place[1])[:: len(places) - 1]
    point_at(explored, *there).perform()
    assert ask(explored, "[seen, held]") == [one, None]
    assert ask(explored, "find('shown').textContent.includes(describe(seen).id)")
    point_at(explored, *elsewhere).click().perform()
    point_at(explored, *there).perform()
    assert ask(explored, "[seen, held]") == [other, other]
    explored.find_element("tag name", "body").send_keys(Keys.ESCAPE)
    assert ask(explored, "held") is None


def test_of_objects_in_one_place_the_upper_one_is_shown_however_often_one_clicks(explored):
    explored.execute_script("plane.decoded.x.fill(9); plane.decoded.y.fill(9); draw(true)")

    def click(browser):
        *_, (upper, *there) = browser.execute_script(PLACE)
        point_at(browser, *there).click().perform()
        return ask(browser, "held") == upper

    WebDriverWait(explored, 20).until(click)  # until the points are drawn where they are now
    held = ask(explored, "held")
    explored.find_element("css selector", "#neighbours button").click()
    assert ask(explored, "held") != held
    assert click(explored)


def test_a_neighbour_is_followed_by_its_button(explored, finished):
    choose(explored, dataset="coco")
    here = ask(explored, "describe(seen).id")
    table = next(table for _, table in semlens.open_run(finished.path("results")).planes("coco"))
    row = table.set_index("instance_id").loc[here]
    buttons = explored.find_elements("css selector", "#neighbours button")
    assert [button.get_attribute("title") for button in buttons] == row[NEIGHBOURS].dropna().tolist()
    buttons[0].click()
    assert ask(explored, "describe(seen).id") == row["neighbour_1"]


def test_a_class_is_hidden_and_shown(explored):
    count = "points.data.x.length"
    everyone, number = ask(explored, count), ask(explored, "dataset().objects[seen][2]")
    explored.find_element("css selector", f"[data-number='{number}']").click()
    left = ask(explored, count)
    assert 0 < left < everyone
    assert ask(explored, "points.data.object.every((object) => dataset().objects[object][2] !== arguments[0])", number)
    explored.find_element("id", "none").click()
    assert ask(explored, count) == 0
    explored.find_element("id", "all").click()
    assert ask(explored, count) == everyone


def test_an_object_whose_class_is_hidden_is_held_no_longer(explored):
    explored.find_element("id", "next").click()
    held = ask(explored, "held")
    explored.find_element("css selector", f"[data-number='{ask(explored, 'dataset().objects[held][2]')}']").click()
    assert ask(explored, "[held, seen === arguments[0], find('release').hidden]", held) == [None, False, True]


@pytest.mark.parametrize("width", [1400, 768, 400])
def test_nothing_of_the_explorer_is_clipped(explored, width):
    with emulated(explored, width):
        assert explored.execute_script(CLIPPED) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_explorer(explored, scheme):
    explored.execute_script(UNFOLD)
    assert list_violations(explored, scheme) == {}
