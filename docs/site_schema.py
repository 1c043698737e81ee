"""A Sphinx directive that writes every key of the configuration from its schema: ``{configuration-schema}``."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from semlens.compare.metrics import list_metrics
from semlens.config.load import read_config_schema

GENERAL = "General"


class Key(NamedTuple):
    """One key, as a row of a table."""

    name: str  # with those above it in its entry, as in source.folder
    values: str
    default: str
    meaning: str


def list_keys(schema: dict[str, Any]) -> dict[str, list[Key]]:
    """Return the keys of the configuration that hold one value, and those of each entry of those that hold entries."""
    keys: dict[str, list[Key]] = {GENERAL: []}
    for name, about in schema["properties"].items():
        entry = about.get("additionalProperties")
        if isinstance(entry, dict) and "properties" in entry:
            keys[name] = [*_list_inside(entry, schema)]
        else:
            keys[GENERAL] += _list_inside({"properties": {name: about}}, schema)
    return keys


def _list_inside(about: dict[str, Any], schema: dict[str, Any], above: str = "") -> Iterator[Key]:
    required = about.get("required", ())
    for key, own in about["properties"].items():
        name, inside = f"{above}{key}", {**_find_definition(own, schema), **own}
        default = _write(inside["default"]) if "default" in inside else "required" if key in required else ""
        yield Key(name, describe_values(inside, schema), default, inside.get("description", ""))
        if inside.get("properties"):
            yield from _list_inside(inside, schema, f"{name}.")


def describe_values(about: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return which values a key may have, in words.

    Raises
    ------
    ValueError
        If there are no words for them.
    """
    about = {**_find_definition(about, schema), **about}
    if "enum" in about:
        return ", ".join(map(_write, about["enum"]))
    if "anyOf" in about:
        return ", or ".join(describe_values(choice, schema) for choice in about["anyOf"])
    match about.get("type"):
        case "array":
            of = f" of: {describe_values(about['items'], schema)}" if "items" in about else ""
            return f"list{of}"
        case "integer" | "number" as kind:
            return "".join([{"integer": "whole number", "number": "number"}[kind], *_describe_limits(about)])
        case "string":
            return "text"
        case "null":
            return "`null`"
        case "boolean":
            return "`true`, `false`"
        case "object":
            return "mapping"
    raise ValueError(f"no words for the values of {about}; add them to docs/site_schema.py")


def _describe_limits(about: dict[str, Any]) -> Iterator[str]:
    if "minimum" in about and "maximum" in about:
        yield f", {about['minimum']} to {about['maximum']}"
    elif "minimum" in about:
        yield f", {about['minimum']} or more"
    if "multipleOf" in about:
        yield f", a multiple of {about['multipleOf']}"


def _find_definition(about: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return schema["$defs"][about["$ref"].removeprefix("#/$defs/")] if "$ref" in about else {}


def _write(value: Any) -> str:
    """Return a value as YAML has it."""
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case dict() | list() if not value:
            return "none"
        case dict() | list():
            return f"`{yaml.safe_dump(value, default_flow_style=True).strip()}`"
    return f"`{value}`" if value != "" else ""


class ConfigurationSchema(SphinxDirective):
    """A section and a table for the general keys, and for each kind of entry."""

    def run(self) -> list[nodes.Node]:
        schema = read_config_schema(self.env.srcdir, list_metrics())
        text = ""
        for entry, keys in list_keys(schema).items():
            text += f"## {entry if entry == GENERAL else f'`{entry}`, by name'}\n\n"
            text += "| key | meaning | values | default |\n|---|---|---|---|\n"
            text += "".join(
                f"| `{key.name}` | {key.meaning.replace('|', chr(92) + '|')} | {key.values} | {key.default} |\n"
                for key in keys
            )
            text += "\n"
        self.env.note_dependency(str(self.env.srcdir / "workflow" / "schemas" / "config.schema.yaml"))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("configuration-schema", ConfigurationSchema)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
