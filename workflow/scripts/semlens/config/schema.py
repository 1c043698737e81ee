"""The configuration as the schema sees it: old words, unknown keys and wrong values are refused, defaults filled in."""

import copy
import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

Config = dict[str, Any]

RENAMED_KEYS = {
    "captures": "extractions",
    "features": "layers",
    "expect": "expected_order",
    "redirects": "mirrors",
    "published": "reference_results",
}
RENAMED_VALUES = {
    "features": "layers",
    "squash": "stretch",
    "means": "table1",
    "classical": "eq10",
}


def check_schema(config: Config, schema: Config, what: str = "the configuration") -> None:
    """Refuse unknown keys and wrong values.

    Parameters
    ----------
    what
        What is checked, as the error says.

    Raises
    ------
    ValueError
        With a line per offending key: its place, what is wrong, what is expected.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: [*map(str, error.path)])
    lines = list(dict.fromkeys(line for error in errors for line in _explain(error)))
    if lines:
        raise ValueError(f"{what} is not valid:\n" + "\n".join(lines))


def fill_defaults(config: Config, schema: Config) -> None:
    """Add every key that the configuration leaves out and for which the schema has a default."""
    for _ in _FILLING(schema).iter_errors(config):
        pass


def _fill(validator: Any, properties: Config, instance: Any, schema: Config) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for key, subschema in properties.items():
            if "default" in subschema:
                instance.setdefault(key, copy.deepcopy(subschema["default"]))
    yield from Draft202012Validator.VALIDATORS["properties"](validator, properties, instance, schema)


_FILLING = validators.extend(Draft202012Validator, {"properties": _fill})


def _explain(error: ValidationError) -> Iterator[str]:
    """Yield a line for each thing that an error is about."""
    where = ".".join(map(str, error.absolute_path)) or "top level"
    if error.validator == "required" and any(
        new not in error.instance and old in error.instance and f"'{new}'" in error.message
        for old, new in RENAMED_KEYS.items()
    ):
        return  # the old key is reported, by its new name
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for key in sorted(map(str, error.instance.keys() - known.keys())):
            if RENAMED_KEYS.get(key) in known:
                yield f"{where}: {key!r} is now {RENAMED_KEYS[key]!r}"
            else:
                yield f"{where}: unknown key {key!r}{suggest(key, known)}; known keys are {', '.join(known)}"
        return
    allowed = error.schema.get("enum", ())
    if error.validator == "enum" and isinstance(error.instance, str) and RENAMED_VALUES.get(error.instance) in allowed:
        yield f"{where}: {error.instance!r} is now {RENAMED_VALUES[error.instance]!r}"
        return
    description = error.schema.get("description")
    yield f"{where}: {_describe(error)}" + (f" ({description})" if description else "")


def _describe(error: ValidationError) -> str:
    """Return what is wrong in words: no regular expressions, no whole dictionaries."""
    instance = error.instance
    if error.validator == "type" and error.validator_value == "string" and isinstance(instance, int | float):
        return f'{instance!r} is a number or a truth value in YAML; write it in quotes, "{instance}"'
    if error.validator == "enum":
        allowed = error.validator_value
        return f"{instance!r} is not one of {', '.join(map(str, allowed))}{suggest(instance, allowed)}"
    if error.validator == "pattern":
        return f"{instance!r} is not written as it must be"
    if error.validator == "anyOf":
        return f"{instance!r} is none of what is allowed"
    return error.message


def suggest(name: Any, known: Iterable[Any]) -> str:
    """Return the question whether a known name that is spelt alike was meant; nothing if there is none."""
    near = difflib.get_close_matches(str(name), list(map(str, known)), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
