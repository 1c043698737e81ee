"""Which family reads each model: what its network's configuration says, or what the configuration names."""

from pathlib import Path

from semlens.config.schema import Config
from semlens.models.backbones import recognize_family
from semlens.models.part_files import read_config
from semlens.models.parts import NETWORKS, find_part_folder
from semlens.runtime.registry import Registry

_DEFAULT = "unet"  # of models that are not here yet
_OF_ANY = "vae"  # reads a part of models that other families read too


def name_families(config: Config, registry: Registry, demo: str | Path) -> None:
    """Fill in ``family`` of every model, in place; and the ``seed`` of those with random weights.

    Parameters
    ----------
    demo
        The folder of the demo's model.

    Raises
    ------
    ValueError
        If a model's network is of no known family, or of another than the configuration says.
    """
    for name, entry in config["models"].items():
        source = entry["source"]
        if "baseline" in source:
            found = [source["baseline"]]
        elif entry.get("family") == _OF_ANY:
            found = [_OF_ANY]
        elif folder := demo if "demo" in source else source.get("folder"):
            found = _look_into(name, Path(folder))
        elif "download" in source:
            found = [registry["models"].get(source["download"], {}).get("family", _DEFAULT)]
        else:
            found = [_DEFAULT] if "file" in source else []
        wanted = entry.get("family")
        if found and wanted not in (None, *found):
            raise ValueError(f"model {name!r}: its network is of the family {' or '.join(found)}, not {wanted}")
        entry["family"] = wanted or (found[0] if found else _DEFAULT)
        if entry["weights"] == "random":
            entry.setdefault("seed", config["seed"])
        elif "seed" in entry:
            raise ValueError(f"model {name!r}: 'seed' goes with 'weights: random' alone")


def _look_into(name: str, folder: Path) -> list[str]:
    """Return the families of the networks in a model's folder, by their configurations.

    Beside a model in diffusers' layout, an encoder is read only if it is asked for.
    """
    found = [_DEFAULT] if (folder / "model_index.json").is_file() and not (folder / "transformer").is_dir() else []
    for part in NETWORKS:
        file = find_part_folder(folder, part) / "config.json"
        if file.is_file():
            try:
                found.append(recognize_family(read_config(file)))
            except ValueError as error:
                raise ValueError(f"model {name!r}, {file.parent}: {error}") from None
    return [family for family in found if family]
