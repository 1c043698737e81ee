"""What a configuration may name as a view, as JSON schema."""

from typing import Any

from semlens.images.views import import_kind, list_views, takes_share


def describe_view_schema() -> dict[str, Any]:
    """Return the schema of a view: a name, a name with a share in per cent, or an object of a kind and its share."""
    fixed = [kind for kind in list_views() if not takes_share(kind)]
    shared = [kind for kind in list_views() if takes_share(kind)]
    share = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
    return {
        "description": f"A view is one of {', '.join(fixed)}; or {' or '.join(shared)} with a share between 0 and 1, "
        f"such as {{{shared[-1]}: 0.2}} or, in per cent, {shared[-1]}20.",
        "anyOf": [
            {"enum": fixed},
            {"type": "string", "pattern": rf"^({'|'.join(shared)})(?!0+(\.0+)?$)[0-9]{{1,2}}(\.[0-9]+)?$"},
            {
                "type": "object",
                "properties": {kind: {**share, "description": import_kind(kind).__doc__} for kind in shared},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ],
    }
