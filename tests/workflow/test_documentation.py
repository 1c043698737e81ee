"""What config/README.md says of the configuration is what the schema has."""

import re

import pytest
import yaml
from repository import ROOT

SCHEMA = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())
README = (ROOT / "config" / "README.md").read_text()
ENTRIES = ("models", "datasets", "extractions", "experiments")


def section(heading: str) -> str:
    """What stands under a heading."""
    (text,) = re.findall(rf"^## {re.escape(heading)}.*?\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    return text


def documented(heading: str) -> set[str]:
    """The keys in the first column of the table under a heading."""
    cells = re.findall(r"^\| (`.*?) \|", section(heading), re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


def test_every_general_key_is_documented_and_no_other():
    general = SCHEMA["properties"].keys() - {*ENTRIES, "prompts", "views"}
    assert documented("General") == general


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_key_of_an_entry_is_documented_and_no_other(entry):
    assert documented(f"`{entry}`") == SCHEMA["properties"][entry]["additionalProperties"]["properties"].keys()


@pytest.mark.parametrize("entry", [None, *ENTRIES])
def test_defaults_are_those_of_the_schema(entry):
    properties = (
        SCHEMA["properties"] if entry is None else SCHEMA["properties"][entry]["additionalProperties"]["properties"]
    )
    for key, about in properties.items():
        if isinstance(about.get("default"), str | int | float) and not isinstance(about["default"], bool):
            under = section("General" if entry is None else f"`{entry}`")
            (row,) = re.findall(rf"^\| .*`{key}`.*? \| (.*?) \| ", under, re.MULTILINE)[:1] or [""]
            assert str(about["default"]) in row.replace(",", ""), f"{key}: {row}"
