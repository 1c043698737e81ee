"""The report shows what it is given, as text where it is text, and needs nothing else."""

import base64
import json
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from semlens.report.page import summarize_stages, write_report

TEMPLATE = Path(__file__).parents[2] / "workflow" / "report" / "report.html.j2"


@pytest.fixture
def given(tmp_path):
    Image.new("RGB", (4, 4), "red").save(tmp_path / "red.png")
    Image.new("RGB", (4, 4), "blue").save(tmp_path / "blue.png")
    (tmp_path / "sets.html").write_text("<table><tr><td>0.5</td></tr></table>")
    (tmp_path / "provenance.html").write_text("<h3>Software</h3>")
    answer = {"model": "sd15", "control": "sd15-random", "sentences": ["scsi < scdi, by far."]}
    (tmp_path / "answer.json").write_text(json.dumps([answer]))
    common = {"section": "5.1", "axis": "metric", "dunn": "table1", "studies": ["coco"], "followed": None}
    return {
        "template": TEMPLATE,
        "answers": tmp_path / "answer.json",
        "overview": tmp_path / "red.png",
        "experiments": [{"name": "second", "title": "b < a?", **common}, {"name": "first", "title": "Why?", **common}],
        "parts": [("first", "figure", tmp_path / "blue.png"), ("second", "sets", tmp_path / "sets.html")],
        "stages": [{"name": "fetch", "lines": ("1 dataset", "1 model")}],
        "published": None,
        "provenance": tmp_path / "provenance.html",
        "out": tmp_path / "report.html",
    }


def written(given):
    write_report(**given)
    return Path(given["out"]).read_text()


class Tags(HTMLParser):
    """Every tag that is opened must be closed, but those that stand alone."""

    def __init__(self, page):
        super().__init__()
        self.open = []
        self.feed(page)

    def handle_starttag(self, tag, _):
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, _):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_pictures_are_inside_and_tables_are_as_they_are(given, tmp_path):
    page = written(given)
    for name in ("red", "blue"):
        assert base64.b64encode((tmp_path / f"{name}.png").read_bytes()).decode() in page
    assert "<table><tr><td>0.5</td></tr></table>" in page and "<h3>Software</h3>" in page
    assert "http" not in page and "<script" not in page
    assert not Tags(page).open


def test_titles_and_sentences_are_text(given):
    page = written(given)
    assert "b &lt; a?" in page and "b < a?" not in page
    assert "<p>scsi &lt; scdi, by far.</p>" in page
    assert "the control, sd15-random" in page


def test_experiments_stand_in_their_order(given):
    given["experiments"][1]["section"] = "beyond the paper"
    page = written(given)
    assert "Section 5.1 of the paper; experiment <code>second" in page
    assert "Beyond the paper; experiment <code>first" in page
    assert (
        page.index('<h2 id="experiment-second">')
        < page.index('<h2 id="experiment-first">')
        < page.index('<h2 id="provenance">')
    )
    assert 'id="published"' not in page


def test_a_run_without_questions_says_so(given, tmp_path):
    (tmp_path / "answer.json").write_text(json.dumps([{"model": "sd15", "control": None, "sentences": []}]))
    page = written(given)
    assert "No experiment of this run asked." in page and "the control" not in page


def test_stages_count_what_the_run_did(tmp_path):
    datasets = [{"images": 60, "instances": 1200}, {"images": 1, "instances": 3}]
    (tmp_path / "run.json").write_text(json.dumps({"datasets": datasets}))
    pd.DataFrame({"n": [1000, 500]}).to_csv(tmp_path / "sets.csv")
    pd.DataFrame({"p": [0.5, None]}).to_csv(tmp_path / "pairs.csv")
    stages = summarize_stages(
        run=tmp_path / "run.json",
        extractions=1,
        sets=[tmp_path / "sets.csv"],
        pairs=[tmp_path / "pairs.csv"],
        models=["a", "b"],
    )
    lines = {stage["name"]: stage["lines"] for stage in stages}
    assert lines["fetch"] == ("2 datasets", "2 models")
    assert lines["select"] == ("61 images", "1,203 objects")
    assert lines["extract"][1] == "1 capture"
    assert (lines["compare"][0], lines["test"][0]) == ("1,500", "1")
