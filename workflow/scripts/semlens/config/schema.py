"""TODO."""

from jsonschema import Draft202012Validator, ValidationError

from semlens.config.plan import Config


def check_schema(config: Config, schema: Config) -> None:
    """Refuse unknown keys and wrong values.

    Raises
    ------
    ValueError
        With a line per offending key: its place, what is wrong, what is expected.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: [*map(str, error.path)])
    if errors:
        raise ValueError("the configuration is not valid:\n" + "\n".join(map(_explain, errors)))


def _explain(error: ValidationError) -> str:
    where = ".".join(map(str, error.absolute_path)) or "top level"
    if error.validator == "additionalProperties":
        return f"{where}: {error.message}; known keys are {', '.join(error.schema['properties'])}"
    described = error.schema.get("description")
    return f"{where}: {error.message}" + (f" ({described})" if described else "")
