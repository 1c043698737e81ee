"""The documentation builds as a site without warnings; nothing in it leads nowhere or is loaded from elsewhere."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from repository import ROOT
from site_graph import lay_out, measure_width, read_edges
from site_schema import list_keys
from test_documentation import SCHEMA, list_documents

FIRST = "index.html"
NOT_PAGES = ("docs/site/", "tests/")  # Markdown that is not read for itself
FOUND_OTHERWISE = {"genindex.html", "py-modindex.html", "search.html"}  # by links of the theme, or by nobody
LOADING = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


class Page(HTMLParser):
    """What a page has: names that links lead to, links, and what a browser loads with it."""

    def __init__(self, path: Path):
        super().__init__()
        self.names, self.links, self.loaded = set(), [], []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.names |= {values[key] for key in ("id", "name") if values.get(key)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if values.get("http-equiv") == "refresh":
            self.links.append(values["content"].partition("url=")[2])
        if values.get(LOADING.get(tag)) and values.get("rel") not in ("index", "search", "next", "prev", "canonical"):
            self.loaded.append(values[LOADING[tag]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The site, as make site builds it."""
    (recipe,) = re.findall(r"^\t\$\(BIN\)/sphinx-build (.*) build/site$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", *recipe.split(), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


@pytest.fixture(scope="module")
def pages(folder) -> dict[str, Page]:
    return {str(path.relative_to(folder)): Page(path) for path in folder.rglob("*.html") if "_static" not in path.parts}


@pytest.mark.slow
def test_every_document_is_a_page(pages):
    documents = [name for name in list_documents() if not name.startswith(NOT_PAGES)]
    expected = {str(Path(name).with_suffix(".html")) for name in [*documents, "docs/tutorial.ipynb"]}
    assert expected <= pages.keys()


@pytest.mark.slow
def test_every_page_is_found_from_the_first(pages):
    found, left = set(), [FIRST]
    while left:
        name = left.pop()
        if name in found or name not in pages:
            continue
        found.add(name)
        for link in pages[name].links:
            if not urlsplit(link).scheme and (path := urlsplit(link).path):
                left.append(str(Path("/", name).parent.joinpath(unquote(path)).resolve().relative_to("/")))
    assert pages.keys() - found <= FOUND_OTHERWISE


@pytest.mark.slow
def test_every_link_of_the_site_leads_somewhere(folder, pages):
    broken = []
    for name, page in pages.items():
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme or link == "#":
                continue
            path = (folder / name).parent.joinpath(unquote(parts.path)).resolve() if parts.path else folder / name
            target = str(path.relative_to(folder))
            if not path.is_file() or (parts.fragment and unquote(parts.fragment) not in pages[target].names):
                broken.append(f"{name}: {link}")
    assert not broken


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(folder, pages):
    for name, page in pages.items():
        assert not [address for address in page.loaded if re.match(r"(\w+:)?//", address)], name
    for path in [*folder.rglob("*.css"), *folder.rglob("*.js")]:
        loaded = re.findall(r"""(?:url\(|@import\s|importScripts\(|fetch\()\s*["']?([^"')\s]+)""", path.read_text())
        assert not [address for address in loaded if re.match(r"(\w+:)?//", address)], path.name


@pytest.mark.slow
def test_every_key_of_the_schema_is_there(pages):
    text = pages["docs/schema.html"].text
    for keys in list_keys(SCHEMA).values():
        for key in keys:
            assert f'<span class="pre">{key.name}</span>' in text, key.name


@pytest.mark.slow
def test_the_graph_of_rules_is_drawn(pages):
    text = pages["docs/architecture.html"].text
    assert "graph TD" not in text
    (graph,) = re.findall(r"<div class=\"graph\">.*?</svg>", text, re.DOTALL)
    code = re.search(r"```mermaid\n(.*?)```", (ROOT / "docs" / "architecture.md").read_text(), re.DOTALL)[1]
    assert set(re.findall(r"<text[^>]*>(\w+)<", graph)) == {name for edge in read_edges(code) for name in edge}


def test_graphs_are_laid_out_downwards_and_without_overlap():
    edges = read_edges("graph TD\n  a --> b --> c --> d\n  a --> d\n  other --> c\n  b --> long_name --> d")
    rows, short, x = lay_out(edges)
    row_of = {node: number for number, row in enumerate(rows) for node in row}
    assert all(row_of[start] < row_of[end] for start, end in edges)
    assert all(row_of[end] - row_of[start] == 1 for start, end in short)
    for row in rows:
        for left, right in pairwise(row):
            assert x[right] - x[left] > (measure_width(left) + measure_width(right)) / 2


def test_a_graph_that_is_written_otherwise_is_refused():
    with pytest.raises(ValueError, match="draws only"):
        read_edges("graph LR\n  a --> b")
