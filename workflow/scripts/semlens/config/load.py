"""The configuration, checked and filled in, and the registry that it names."""

from collections.abc import Sequence
from pathlib import Path

from semlens.config.checks import check_downloads, check_folders, check_models, check_references
from semlens.config.families import name_families
from semlens.config.multiverses import expand_multiverses
from semlens.config.plan import name_views
from semlens.config.schema import Config, check_schema, fill_defaults
from semlens.config.studies import list_studies
from semlens.config.user_paths import resolve_paths
from semlens.config.yaml_files import read_yaml
from semlens.images.view_schema import describe_view_schema
from semlens.images.views import name_view
from semlens.models.backbones import list_backbones
from semlens.runtime.registry import Registry
from semlens.select.formats import list_formats


def load_configuration(config: Config, home: Path, metrics: Sequence[str], files: Sequence[str] = ()) -> Registry:
    """Check a configuration, fill in its defaults in place, name its views, and return the registry.

    Parameters
    ----------
    home
        The repository's folder.
    metrics
        The names of all metrics.
    files
        The files that the configuration was read from.

    Raises
    ------
    OSError, ValueError
        Naming the file, the entry and the key that is wrong, and what there is to choose from.
    """
    for file in files:
        read_yaml(file)
    schema = read_config_schema(home, metrics)
    check_schema(config, schema)
    fill_defaults(config, schema)
    config["optimizations"] = sorted(config.pop("optimizations"))  # in any order, written or not, it is the same
    for study in list_studies(config):
        study["entry"].setdefault("title", study["name"])
        study["entry"].setdefault("section", "")
    resolve_paths(config, files)
    name_views(config, name_view)
    expand_multiverses(config)
    registry = read_yaml(find_file(config["registry"], home))
    check_schema(registry, _read_schema(home, "registry"), config["registry"])
    check_references(config)
    check_downloads(config, registry)
    check_folders(config)
    demo = home / "resources" / "demo" / "model"
    name_families(config, registry, demo)
    check_models(config, demo)
    return registry


def find_file(path: str, home: Path) -> Path:
    """Return a file or folder that a configuration names, or else that of the repository."""
    return Path(path).absolute() if Path(path).exists() else home / path


def read_config_schema(home: Path, metrics: Sequence[str]) -> Config:
    """Return the schema of a configuration, with the variants that there are."""
    schema = _read_schema(home, "config")
    schema["$defs"] |= {
        "metric": {"enum": list(metrics)},
        "format": {"enum": list_formats()},
        "view": describe_view_schema(),
        "family": {"enum": list_backbones()},
    }
    return schema


def _read_schema(home: Path, name: str) -> Config:
    return read_yaml(home / "workflow" / "schemas" / f"{name}.schema.yaml")
