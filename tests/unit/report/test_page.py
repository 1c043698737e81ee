"""The report shows what it is given, as text where it is text, and needs no other file."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from semlens.report.page import (
    describe_empty_sets,
    describe_multiverses,
    describe_question,
    summarize,
    summarize_stages,
    write_report,
)
from semlens.statistics.findings import FINDINGS
from semlens.statistics.models import MODELS_TABLE
from semlens.storage.tables import write_csv

TEMPLATE = Path(__file__).parents[3] / "workflow" / "report" / "report.html.j2"
NOTHING = dict.fromkeys(FINDINGS.columns)
FINDING = NOTHING | {
    **{"question": "Which layer?", "comparison": "between", "axis": "layers", "datasets": "coco", "model": "sd15"},
    **{"settings": "metric cosine, prompt empty", "conditions": "16, mid8, 32", "best": "16", "also_best": "32"},
    **{"separation": 0.8, "low": 0.7, "high": 0.9, "elsewhere": 0.75, "control_model": "sd15-random"},
    **{"control_separation": 0.6, "control_low": 0.5, "control_high": 0.65, "contrast": 0.2},
    **{"contrast_low": 0.1, "contrast_high": 0.3, "n_objects": 1234, "n_units": 99},
}
ORDER = NOTHING | {
    **{"question": "Which order?", "comparison": "order", "axis": "timestep", "datasets": "voc", "model": "sd15"},
    **{"settings": "metric correlation, prompt empty", "conditions": "0, 50, 500", "established": "0"},
    **{"observed": "50, 500", "undecided": "", "violated": "", "empty": "", "n_objects": 10, "n_units": 3},
}


RANKED = {"question": "Which layer?", "comparison": "between", "axis": "layers", "datasets": "coco"} | {
    **{"settings": "metric correlation, prompt empty", "n_units": 1099, "weights": "pretrained"},
}
MODELS = [
    {**RANKED, "model": "dino", "condition": "block09", "depth": 0.75, "separation": 0.9, "low": 0.8, "high": 0.95}
    | {"elsewhere": 0.89, "behind": 0.0, "behind_low": None, "behind_high": None},
    {**RANKED, "model": "sd15", "condition": "enc16", "depth": None, "separation": 0.85, "low": 0.8, "high": 0.9}
    | {"elsewhere": 0.84, "behind": -0.05, "behind_low": -0.11, "behind_high": 0.01},
    {
        **RANKED,
        "model": "vit",
        "weights": "random",
        "condition": "baseline",
        "depth": None,
        "separation": 0.6,
        "low": 0.55,
        "high": 0.65,
    }
    | {"elsewhere": 0.6, "behind": -0.3, "behind_low": -0.4, "behind_high": -0.2},
]


def write_models(path, records):
    write_csv(pd.DataFrame(records, columns=list(MODELS_TABLE.columns)), MODELS_TABLE, path)
    return path


@pytest.fixture
def arguments(tmp_path):
    Image.new("RGB", (4, 4), "red").save(tmp_path / "red.png")
    Image.new("RGB", (4, 4), "blue").save(tmp_path / "blue.png")
    (tmp_path / "sets.html").write_text("<table><tr><td>0.5</td></tr></table>")
    (tmp_path / "provenance.html").write_text("<h3>Software</h3>")
    (tmp_path / "findings.json").write_text(json.dumps([FINDING, ORDER]))
    common = {"noun": "experiment", "section": "5.1", "comparisons": ["coco"]}
    figure = {
        "study": "experiment-first",
        "question": "Why?",
        "kind": "boxes",
        "title": "",
        "caption": "Boxes span. Whiskers end.",
        "is_photograph": False,
    }
    table = {
        "study": "experiment-second",
        "question": "b < a?",
        "kind": "sets",
        "title": "Means",
        "caption": "Means < all.",
        "is_photograph": False,
    }
    return {
        "template": TEMPLATE,
        "asked": "Asked: 2 questions of sd15, with coco: 99 images.",
        "findings": tmp_path / "findings.json",
        "overview": tmp_path / "red.png",
        "models": write_models(tmp_path / "models.csv", []),
        "studies": [
            {"study": "experiment-second", "name": "second", "title": "b < a?", **common},
            {"study": "experiment-first", "name": "first", "title": "Why?", **common},
        ],
        "parts": [{**figure, "path": tmp_path / "blue.png"}, {**table, "path": tmp_path / "sets.html"}],
        "stages": [{"name": "fetch", "lines": ("1 dataset", "1 model")}],
        "empty": {"experiment-first": ["coco: scsi is empty, since no image shows two objects of one class"]},
        "answers": {},
        "claims": None,
        "provenance": tmp_path / "provenance.html",
        "out": tmp_path / "report.html",
    }


class Page(HTMLParser):
    """Text, anchors and rows of tables of a page; every tag that is opened must be closed."""

    def __init__(self, arguments):
        super().__init__()
        write_report(**arguments)
        self.text = Path(arguments["out"]).read_text()
        self.open, self.anchors, self.rows = [], [], []
        self.feed(self.text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.anchors += [value for name, value in attributes if name == "id"]
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append([])

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if {"td", "th"} & set(self.open) and text.strip():
            self.rows[-1][-1].append(text.strip())


def test_images_are_inside_and_tables_are_as_they_are(arguments, tmp_path):
    text = Page(arguments).text
    contents = [base64.b64decode(content) for content in re.findall(r'src="data:image/webp;base64,([^"]+)"', text)]
    colours = [Image.open(io.BytesIO(content)).convert("RGB").getpixel((1, 1)) for content in contents]
    assert colours == [(255, 0, 0), (0, 0, 255)]
    assert text.count('width="4" height="4" loading="lazy"') == 2
    assert "<table><tr><td>0.5</td></tr></table>" in text and "<h3>Software</h3>" in text
    assert "http" not in text and "<script src" not in text


def test_images_say_what_they_show(arguments):
    assert 'alt="Why?: Boxes span."' in Page(arguments).text


def test_models_stand_side_by_side_and_ties_are_told(arguments, tmp_path):
    assert "Models side by side" not in Page(arguments).text
    write_models(tmp_path / "models.csv", MODELS)
    rows = [row for row in Page(arguments).rows if row[0][0] in ("dino", "sd15", "vit")]
    assert [(model, best, behind) for model, best, _, _, behind, _ in rows] == [
        (["dino"], ["block09", "depth 0.750"], []),
        (["sd15"], ["enc16"], ["\N{MINUS SIGN}0.050", "\N{MINUS SIGN}0.110 to 0.010", "tied"]),
        (
            ["vit", "random weights"],
            ["baseline"],
            ["\N{MINUS SIGN}0.300", "\N{MINUS SIGN}0.400 to \N{MINUS SIGN}0.200"],
        ),
    ]


def test_of_a_caption_the_first_sentence_is_shown(arguments):
    text = Page(arguments).text
    assert re.search(r"Boxes span\.\s+<details><summary>How to read it</summary>Whiskers end\.</details>", text)


def test_what_heads_a_row_or_a_column_says_so(arguments, tmp_path):
    (tmp_path / "sets.html").write_text(
        '<table><thead><tr><th></th><th colspan="2">a</th></tr></thead>'
        '<tbody><tr><th rowspan="2">b</th></tr></tbody></table>'
    )
    text = Page(arguments).text
    assert '<th scope="col"></th><th scope="col" colspan="2">a</th>' in text
    assert '<th scope="row" rowspan="2">b</th>' in text


def test_photographs_are_compressed_and_lines_are_not(arguments, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "blue.png")
    sizes = []
    for is_photograph in (False, True):
        arguments["parts"][0]["is_photograph"] = is_photograph
        sizes.append(len(Page(arguments).text))
    assert sizes[1] < sizes[0]


def test_titles_and_captions_are_text(arguments):
    text = Page(arguments).text
    assert "b &lt; a?" in text and "b < a?" not in text
    assert "Means &lt; all." in text and "Boxes span." in text and "with coco: 99 images" in text


def test_findings_head_the_page_beside_their_control(arguments):
    _, best, _, order, *_ = Page(arguments).rows
    assert best == [
        ["Which layer?"],
        ["16", "tied with 32"],
        ["0.800", "0.700 to 0.900"],
        ["0.750"],
        ["0.600", "0.500 to 0.650"],
        ["0.200", "0.100 to 0.300"],
        ["coco, metric cosine", "objects: 1,234; images (videos): 99"],
    ]
    assert order[:-1] == [["Which order?"], ["0"], ["50, 500"], ["–"], ["–"], ["–"]]


def test_what_rows_share_is_said_once(arguments):
    text = Page(arguments).text
    assert "Where a row does not say otherwise: prompt empty, metric correlation, timestep 0" in text
    assert text.count("prompt empty") == 1


def test_a_model_without_control_has_no_columns_for_one(arguments, tmp_path):
    alone = {**FINDING, "control_model": None, "contrast": None}
    (tmp_path / "findings.json").write_text(json.dumps([alone]))
    heading, *_ = Page(arguments).rows
    assert [cell[0] for cell in heading] == ["Question", "Highest", "Separation", "Held out", "Data and settings"]


def test_a_question_whose_control_was_not_measured_has_empty_cells(arguments, tmp_path):
    numbers = ("control_separation", "control_low", "control_high", "contrast", "contrast_low", "contrast_high")
    alone = {**FINDING, "control_model": None, **dict.fromkeys(numbers)}
    (tmp_path / "findings.json").write_text(json.dumps([FINDING, alone]))
    _, beside, without, *_ = Page(arguments).rows
    assert (len(beside), without[4:6]) == (len(without), [[], []])


def test_questions_without_answer_are_named(arguments, tmp_path):
    unanswered = {**FINDING, "question": "Which view?", "best": None, "contrast": None, "also_best": None}
    (tmp_path / "findings.json").write_text(json.dumps([FINDING, unanswered]))
    text = Page(arguments).text
    assert "sd15: not answered, since no class" in text and "Which view? (coco)." in text


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([ORDER], ["Of 3 expected orders of means: 1 established, 2 observed."]),
        (
            [FINDING, {**FINDING, "also_best": "", "contrast_low": -0.1}],
            [
                "Under its best condition the model separates more than its control in 1 of 2 questions, by an "
                "interval above zero.",
                "In 1 of 2 questions one condition is highest alone; in the others several tie.",
            ],
        ),
        (
            [{**FINDING, "best": None, "also_best": None, "contrast": None}],
            ["1 question cannot be answered: no class has objects to compare in five images or videos."],
        ),
        ([{**FINDING, "conditions": "16", "also_best": "", "contrast": None}], []),  # nothing to choose from
        ([], []),
    ],
)
def test_the_summary_counts_what_intervals_establish(records, expected):
    assert summarize(records) == expected


def test_every_model_has_a_table_of_its_own(arguments, tmp_path):
    (tmp_path / "findings.json").write_text(json.dumps([FINDING, {**ORDER, "model": "sd21"}]))
    text = Page(arguments).text
    assert text.index("<h2>sd15</h2>") < text.index("<h2>sd21</h2>")


def test_a_run_without_findings_has_a_page(arguments, tmp_path):
    (tmp_path / "findings.json").write_text("[]")
    page = Page(arguments)
    assert page.rows == [[["0.5"]]] and "overview" in page.anchors


def test_experiments_stand_in_their_order_with_their_parts(arguments):
    arguments["studies"][1]["section"] = "beyond the paper"
    page = Page(arguments)
    expected = ["findings", "overview", "method", "experiment-second", "experiment-first", "boxes-first"]
    assert page.anchors == [*expected, "provenance"]
    assert "Section 5.1 of the paper; experiment <code>second" in page.text
    assert "Beyond the paper; experiment <code>first" in page.text


def test_claims_have_a_part_where_there_are_some(arguments, tmp_path):
    (tmp_path / "claims.html").write_text("<p>claimed</p>")
    page = Page({**arguments, "claims": tmp_path / "claims.html"})
    assert "claims" in page.anchors and "<p>claimed</p>" in page.text


def test_the_first_sentence_says_what_was_asked(tmp_path):
    datasets = [{"dataset": "coco", "images": 60, "instances": 1200}, {"dataset": "voc", "images": 1, "instances": 3}]
    (tmp_path / "run.json").write_text(json.dumps({"datasets": datasets}))
    studies = [{"noun": "experiment"}, {"noun": "search"}, {"noun": "search"}]
    asked = describe_question(run=tmp_path / "run.json", studies=studies, models=["sd15", "sd21", "xl"])
    assert asked == (
        "1 experiment and 2 searches with the models sd15, sd21 and xl, on coco (60 images, 1,200 objects) and voc "
        "(1 image, 3 objects)."
    )


def test_stages_count_what_the_run_did(tmp_path):
    datasets = [{"images": 60, "instances": 1200}, {"images": 1, "instances": 3}]
    (tmp_path / "run.json").write_text(json.dumps({"datasets": datasets}))
    pd.DataFrame({"n": [1000, 500]}).to_csv(tmp_path / "sets.csv")
    pd.DataFrame({"p": [0.5, None]}).to_csv(tmp_path / "tests.csv")
    stages = summarize_stages(
        run=tmp_path / "run.json",
        n_extractions=1,
        n_models=2,
        sets=[tmp_path / "sets.csv"],
        tests=[tmp_path / "tests.csv"],
    )
    lines = {stage["name"]: stage["lines"] for stage in stages}
    assert lines["fetch"] == ("2 datasets", "2 models")
    assert lines["select"] == ("61 images", "1,203 objects")
    assert lines["extract"][1] == "1 extraction"
    assert (lines["compare"][0], lines["statistics"][0]) == ("1,500", "1")


def test_empty_sets_are_named_with_the_reason_and_the_conditions(tmp_path):
    counts = {("16", "scsi"): 0, ("16", "dcdi"): 3, ("64", "scsi"): 0, ("64", "dcdi"): 0}
    rows = [{"condition": condition, "set": name, "n": n} for (condition, name), n in counts.items()]
    pd.DataFrame(rows).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame(rows[1:2]).to_csv(tmp_path / "b.csv", index=False)
    comparisons = [{"experiment": "layers", "name": "coco"}, {"experiment": "other", "name": "voc"}]
    assert describe_empty_sets(comparisons, [tmp_path / "a.csv", tmp_path / "b.csv"]) == {
        "experiment-layers": [
            "coco: scsi is empty, since no image shows two objects of one class",
            "coco: dcdi is empty under 64, since no two images that are compared show objects of different classes",
        ]
    }


def test_the_page_says_which_sets_are_empty(arguments):
    page = Page(arguments)
    assert "coco: scsi is empty, since no image shows two objects of one class." in page.text
    assert page.text.index("Why?</h2>") < page.text.index("scsi is empty")


def test_questions_about_denoised_features_say_so(arguments, tmp_path):
    denoised = {**FINDING, "settings": f"{FINDING['settings']}, inference_steps 5"}
    (tmp_path / "findings.json").write_text(json.dumps([FINDING, denoised]))
    assert [row[0][0] for row in Page(arguments).rows[1:3]] == ["Which layer?", "Which layer, after denoising?"]


def test_what_all_that_have_noise_share_is_not_said_of_each(arguments, tmp_path):
    noisy = {**FINDING, "settings": "metric cosine, prompt empty, noise True"}
    still = {**FINDING, "model": "dino", "settings": "metric cosine"}
    (tmp_path / "findings.json").write_text(json.dumps([noisy, still]))
    assert Page(arguments).text.count("noise True") == 1


def test_a_multiverse_says_in_how_many_specifications_the_order_holds(arguments, tmp_path):
    row = {"dataset": "coco", "expected": "scsi < scdi", "n_specifications": 72, "n_above_chance": 70}
    rows = [{"model": "1.0", **row, "established": 61, "violated": 2}]
    rows += [{"model": "random", **row, "established": 0, "violated": 1}]
    pd.DataFrame(rows).to_csv(tmp_path / "all.csv", index=False)
    runs = [{"model": name, "dataset": "coco", "name": f"coco, {name}"} for name in ("random", "1.0")]
    answers = describe_multiverses([runs], ["all"], [tmp_path / "all.csv"])
    ends = "of 72 specifications, and violated in {}; separation lies above chance in 70"
    assert answers == {
        "multiverse-all": [
            f"coco, random: scsi < scdi is established in 0 {ends.format(1)}",
            f"coco, 1.0: scsi < scdi is established in 61 {ends.format(2)}",
        ]
    }
    assert "<dt>specification</dt>" not in Page(arguments).text
    arguments["studies"][0] |= {"study": "multiverse-all", "noun": "multiverse"}
    arguments["studies"][1]["study"] = "experiment-second"
    arguments["parts"][0]["study"] = "multiverse-all"
    page = Page({**arguments, "answers": answers})
    assert f"<p>coco, random: scsi &lt; scdi is established in 0 {ends.format(1)}. coco, 1.0: " in page.text
    assert "<dt>specification</dt>" in page.text
