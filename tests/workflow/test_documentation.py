"""The documentation has every key, variant, target and result; its links resolve and its examples are valid."""

import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from repository import ROOT, Repository, copied, snakemake
from write_captions import CAPTIONS, render_captions
from write_data import DATA, fill_tables
from write_gallery import IMAGES, PAGE, SHOWN, render_page

from semlens.compare.metrics import list_metrics
from semlens.config.axes import AXES
from semlens.config.checks import check_references
from semlens.config.load import load_configuration, read_config_schema
from semlens.config.plan import name_views
from semlens.config.schema import RENAMED_KEYS, RENAMED_VALUES, check_schema, fill_defaults
from semlens.draw.kinds import KINDS
from semlens.images.views import list_views, load_view, name_view, takes_share
from semlens.models.backbones import list_backbones, load_backbone
from semlens.models.backbones.unet import list_layers
from semlens.select.formats import list_formats, load_format

SCHEMA = read_config_schema(ROOT, list_metrics())
REGISTRY = yaml.safe_load((ROOT / "resources" / "registry.yaml").read_text())
ENTRIES = (
    *("models", "datasets", "extractions", "experiments"),
    *("multiverses", "agreements", "searches", "propagations"),
)
CONFIG, README, RUN, GLOSSARY, LAYERS = (
    (ROOT / path).read_text()
    for path in ("config/README.md", "README.md", "docs/how-to/run.md", "docs/glossary.md", "docs/layers.md")
)
FENCE = re.compile(r"^```([\w{}-]*).*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST_CELL = 200

# Words of the first edition. Those of keys and values that were renamed are told by the configuration itself.
OLD_WORDS = (
    "SEMLENS_REDIRECT", "n_ranked", r"answer\.(json|png)", r"published\.html", r"\.trend\b", r"\.plane\b",
    "test_distances", "answer_question", "randomize_unet", r"feature sets?", "fallback@", "moments", "pictures?",
    "photographs?",
)  # fmt: skip
OLD_KEYS = [rf"`{word}[`:]" for word in {*RENAMED_KEYS, *RENAMED_VALUES} - {"features", "published", "means"}]
HISTORY = ("CHANGELOG.md", "docs/migration.md")  # say how things were called


def list_documents() -> list[str]:
    """Return all Markdown files, of the repository or about to be added to it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return sorted(name for name in names if name and (ROOT / name).is_file())


def find_section(text: str, heading: str, level: int = 2) -> str:
    """Return what stands under a heading, with the headings below it."""
    marks = "#" * level
    pattern = rf"^{marks} {re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)"
    (section,) = re.findall(pattern, text, re.MULTILINE | re.DOTALL)
    return section


def read_rows(section: str) -> dict[str, list[str]]:
    """Return the rows of the first table, by the name in backticks that each begins with."""
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE).group()
    rows = (split_row(line) for line in table.splitlines())
    return {cells[0].strip("`"): cells for cells in rows if cells[0].startswith("`")}


def split_row(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def get_properties(entry: str | None) -> dict[str, dict]:
    """Return the keys of the configuration, or of an entry, with their schemas."""
    if entry is not None:
        return SCHEMA["properties"][entry]["additionalProperties"]["properties"]
    return {key: about for key, about in SCHEMA["properties"].items() if key not in (*ENTRIES, "prompts", "views")}


def read_keys(entry: str | None) -> dict[str, list[str]]:
    return read_rows(find_section(CONFIG, "General" if entry is None else f"`{entry}`"))


@pytest.mark.parametrize("entry", [None, *ENTRIES])
def test_every_key_is_documented_and_no_other(entry):
    assert read_keys(entry).keys() == get_properties(entry).keys()


@pytest.mark.parametrize("entry", [None, *ENTRIES])
def test_defaults_are_those_of_the_schema(entry):
    documented = {key: cells[1].strip("`") for key, cells in read_keys(entry).items()}
    required = [] if entry is None else SCHEMA["properties"][entry]["additionalProperties"]["required"]
    for key, about in get_properties(entry).items():
        default = about.get("default")
        expected = {None: "required" if key in required else "none", True: "true", False: "false"}.get(
            default if default is None or isinstance(default, bool) else ""
        )
        if expected is None:
            expected = ", ".join(map(str, default)) or "none" if isinstance(default, list | dict) else str(default)
        assert documented[key] == ("all" if key == "classes" else expected), key


@pytest.mark.parametrize("entry", [None, *ENTRIES])
def test_every_value_of_a_choice_is_documented(entry):
    section = find_section(CONFIG, "General" if entry is None else f"`{entry}`")
    for key, about in get_properties(entry).items():
        for value in about.get("enum", []):
            assert f"`{value}`" in section, f"{key}: {value}"


def test_every_kind_of_source_is_documented_with_an_example():
    for entry in ("models", "datasets"):
        section = find_section(CONFIG, f"Sources of {entry}", 3)
        source = get_properties(entry)["source"]
        kinds = [key for choice in source.get("oneOf", ()) for key in choice["required"]] or source["properties"]
        for kind in kinds:
            assert re.search(rf"^`{kind}` ", section, re.MULTILINE), kind
            assert f"source: {{{kind}: " in section, kind


def test_every_variant_is_documented():
    assert read_rows(find_section(CONFIG, "`views`")).keys() == set(list_views())
    assert read_rows(find_section(CONFIG, "Metrics", 3)).keys() == set(list_metrics())
    formats = read_rows(find_section(CONFIG, "Splits and sequences", 3))
    assert {name: cells[1].strip("`").split(":")[0] for name, cells in formats.items()} == {
        name: load_format(name).needs[0] for name in list_formats()
    }
    experiments, models = find_section(CONFIG, "`experiments`"), find_section(CONFIG, "`models`")
    for name in (*AXES, *SCHEMA["$defs"]["sets"]["items"]["enum"]):
        assert f"`{name}`" in experiments
    families = read_rows(find_section(CONFIG, "Families", 3))
    assert families.keys() == set(list_backbones())
    for family in map(load_backbone, families):
        assert all(f"`{part}`" in models for part in family.REQUIRED_PARTS if part != "encoder")
    for name in REGISTRY["models"]:
        assert f"`{name}`" in models
    for name in REGISTRY["datasets"]:
        assert f"`{name}`" in find_section(CONFIG, "`datasets`")


@pytest.mark.parametrize("name", list_views())
def test_a_view_is_documented_as_it_is(name):
    view = load_view({name: 0.1} if takes_share(name) else name)
    _, image, mask, sample, seeded = read_rows(find_section(CONFIG, "`views`"))[name]
    assert sample == ("instance" if view.per_instance else "image")
    assert (seeded == "yes") == view.seeded
    changes_mask = view.find_crop_box or name_view(name if not takes_share(name) else {name: 0.1}) in (
        "hflip", "vflip", "rot90", "rot180", "rot270",
    )  # fmt: skip
    assert (mask != "as it is") == bool(changes_mask)
    assert (image != "as it is") == (name != "identity")


def test_every_target_is_documented():
    rules = (ROOT / "workflow" / "rules" / "targets.smk").read_text() + (ROOT / "Snakefile").read_text()
    targets = set(re.findall(r"^rule (\w+):", rules, re.MULTILINE))
    assert read_rows(find_section(RUN, "Run one stage")).keys() == targets


def test_every_result_is_documented():
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    made = {f"{name}{mark}" for name, mark in re.findall(r"\"<results>/([\w.]+)(/?)", rules)} | {"logs/", "benchmarks/"}
    documented = re.findall(r"^\| (`.*?) \|", find_section(README, "What you get"), re.MULTILINE)
    named = {name for cell in documented for name in re.findall(r"`([^`]+)`", cell)}
    assert made <= named, made - named
    statistics = set(re.findall(r"<results>/statistics/\S*\.(\w+\.csv)", rules))
    assert statistics <= named, statistics - named


def test_the_graph_of_rules_is_that_of_the_demo(tmp_path):
    """But for the default target, which reads what the report does."""
    said = snakemake(Repository(copied(tmp_path / "repository")), "--rulegraph", "--forceall")
    rules = dict(re.findall(r'(\d+)\[label = "(\w+)"', said))
    edges = {(rules[a], rules[b]) for a, b in re.findall(r"(\d+) -> (\d+)", said)}
    (drawn,) = (
        text for kind, text in FENCE.findall((ROOT / "docs" / "architecture.md").read_text()) if kind == "mermaid"
    )
    chains = [re.findall(r"\w+", line) for line in drawn.splitlines()[1:]]
    assert {pair for chain in chains for pair in pairwise(chain)} == {edge for edge in edges if "all" not in edge}


def test_the_tables_of_files_are_those_of_the_contracts():
    """Otherwise: make docs."""
    text = DATA.read_text()
    assert fill_tables(text) == text


def test_the_captions_of_snakemakes_report_are_those_of_ours():
    """Otherwise: make docs."""
    assert {name: (CAPTIONS / name).read_text() for name in render_captions()} == render_captions()


def test_the_gallery_has_the_captions_of_the_report_and_every_kind_of_figure():
    """Otherwise: make docs, or after another run of the demo make gallery."""
    assert PAGE.read_text() == render_page()
    assert set(SHOWN) == {kind.name for kind in KINDS if kind.file.endswith(".png")}
    images = list(IMAGES.iterdir())
    assert {path.name for path in images} == {f"{kind}.webp" for kind in SHOWN}
    assert sum(path.stat().st_size for path in images) < 1_000_000


def test_the_layers_of_stable_diffusion_are_those_that_are_captured():
    config = {
        "sample_size": 64,
        "block_out_channels": [320, 640, 1280, 1280],
        "layers_per_block": 2,
        "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
        "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
    }
    layers = list_layers(config)
    table = find_section(LAYERS, "U-Nets", 3)
    header, _, *rows = (split_row(line) for line in table.splitlines() if line.startswith("|"))
    assert header[1:] == list(dict.fromkeys(f"{x.grid} x {x.grid} cells, {x.channels} channels" for x in layers))
    documented = [re.findall(r"`([\w.]+)`", " ".join(row if row[0] != "decoder" else row[::-1])) for row in rows]
    assert [name for names in documented for name in names] == [layer.name for layer in layers]
    assert f"has {len(layers)} layers" in LAYERS
    assert f"{sum(layer.channels for layer in layers if layer.grid > 8):,} numbers" in LAYERS


def list_anchors(path: Path) -> set[str]:
    """Return what a link into a Markdown file may name: its headings, as GitHub writes them, and its own anchors."""
    text = FENCE.sub("", path.read_text())
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("document", list_documents())
def test_every_relative_link_resolves(document):
    text = FENCE.sub("", (ROOT / document).read_text())
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        path = (ROOT / document).parent / file if file else ROOT / document
        if not path.exists() or (anchor and anchor not in list_anchors(path)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("document", list_documents())
def test_no_table_cell_is_longer_than_a_reader_can_take(document):
    text = FENCE.sub("", (ROOT / document).read_text())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert not [cell for row in rows for cell in split_row(row) if len(cell) > LONGEST_CELL]


@pytest.mark.parametrize("document", [name for name in list_documents() if name not in HISTORY])
def test_no_word_of_the_first_edition_is_left(document):
    pattern = re.compile("|".join(rf"(?<!\w)(?:{word})(?!\w)" for word in OLD_WORDS) + "|" + "|".join(OLD_KEYS))
    found = [match.group() for match in pattern.finditer((ROOT / document).read_text())]
    assert not found


def list_yaml_examples() -> list[tuple[str, str]]:
    """Return every YAML example, with the document and the line where it begins."""
    examples = []
    for document in list_documents():
        text = (ROOT / document).read_text()
        for match in FENCE.finditer(text):
            if match[1] == "yaml":
                examples.append((f"{document}:{text[: match.start()].count(chr(10)) + 1}", match[2]))
    return examples


EXAMPLES = dict(list_yaml_examples())


def is_complete(example: dict) -> bool:
    return set(ENTRIES) <= example.keys()


@pytest.mark.parametrize("place", EXAMPLES)
def test_yaml_examples_are_valid(place, tmp_path):
    """Whole configurations as they are loaded, but with folders that are there; parts as far as the schema goes."""
    config = yaml.safe_load(EXAMPLES[place])
    if not isinstance(config, dict) or not config.keys() <= SCHEMA["properties"].keys():
        pytest.skip("not a configuration of semlens")
    if not is_complete(config):
        check_schema(config, {**SCHEMA, "required": []})
        return
    for entry, folder in (("models", ROOT / "resources" / "demo" / "model"), ("datasets", tmp_path)):
        for about in config[entry].values():
            if "folder" in about["source"]:
                about["source"]["folder"] = str(folder)
    load_configuration(config, ROOT, list_metrics())


def test_parts_of_examples_fit_together():
    """What the examples of config/README.md name is there, if all are read as one with the paper's configuration."""
    config = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    for place, text in EXAMPLES.items():
        if place.startswith("config/README.md"):
            for key, value in yaml.safe_load(text).items():
                config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else value
    check_schema(config, SCHEMA)
    fill_defaults(config, SCHEMA)
    name_views(config, name_view)
    check_references(config)


@pytest.mark.parametrize("document", list_documents())
def test_commands_name_what_is_there(document):
    text = (ROOT / document).read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z][\w-]*)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for file in re.findall(r"(?:--configfile|--profile|python) ((?:config|profiles|benchmarks)/[\w/.-]+)", text):
        assert (ROOT / file.rstrip(".")).exists(), file
    for script, options in re.findall(r"python (benchmarks/\w+\.py)((?: --?[\w-]+| [\w./]+)*)", text):
        for option in re.findall(r"--[\w-]+", options):
            assert f'"{option}"' in (ROOT / script).read_text(), f"{script} {option}"


def test_the_words_of_the_report_are_in_the_glossary():
    template = (ROOT / "workflow" / "report" / "report.html.j2").read_text()
    words = re.findall(r"<dt>(.*?)</dt>", template)
    assert words
    for word in words:
        assert f"**{word}**" in GLOSSARY, word


def test_every_word_of_the_glossary_stands_once():
    words = re.findall(r"</a>\*\*(.+?)\*\*", GLOSSARY)
    assert len(words) == len(set(words))
    for name in (*AXES, *list_metrics(), *SCHEMA["$defs"]["sets"]["items"]["enum"]):
        assert {name, name.rstrip("s")} & set(words), name
