"""Which files of a model's part are read: configurations, and one set of weights as safetensors, by usual names.

diffusers and transformers name weights ``diffusion_pytorch_model`` or ``model``, put a variant such as ``fp16`` into
the name, and split large ones into shards that an index lists. Which set is read is decided here, once, for a user's
folder, a registry and the Hugging Face hub alike; everything after sees the plain name.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from semlens.models.parts import SETTINGS

SMALL = {".json", ".txt", ".model"}  # endings of configurations and vocabularies
_WEIGHTS = re.compile(
    r"(?P<name>diffusion_pytorch_model|model)(\.(?P<variant>\w+))?(?P<shard>-\d{5}-of-\d{5})?(\.(?P<late>\w+))?\.safetensors"
)
_INDEX = re.compile(r"(?P<name>diffusion_pytorch_model|model)\.safetensors\.index(\.(?P<variant>\w+))?\.json")
_PICKLES = (".bin", ".ckpt", ".pt", ".pth")
_NEEDED = {  # of each part, any of these sets of files, but for weights
    "tokenizer": [{"tokenizer.json"}, {"vocab.json", "merges.txt"}, {"spiece.model"}],
    "scheduler": [{"scheduler_config.json"}],
}
_SPLIT = {"ada_norm_zero": "DiTTransformer2DModel", "ada_norm_single": "PixArtTransformer2DModel"}  # as in diffusers
_WEIGHTLESS = tuple(_NEEDED)


def select_files(names: Iterable[str], variant: str | None = None, part: str = "") -> dict[str, str]:
    """Return the files of a part that are read, by the plain name under which they are.

    Parameters
    ----------
    names
        All files of the part's folder.
    variant
        Which weights to read, such as ``fp16``; where the part has no such weights, and by default, those without a
        variant. Where all are of one variant, those.
    part
        Its name, where its folder may hold other files too.

    Raises
    ------
    ValueError
        If there are weights of several variants, and none of them is asked for; or if weights are pickles alone.
    """
    names = sorted(names)
    weights: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        if found := _WEIGHTS.fullmatch(name):
            plain = name if found["shard"] else f"{found['name']}.safetensors"
            weights[found["variant"] or found["late"] or ""][plain] = name
        elif found := _INDEX.fullmatch(name):
            weights[found["variant"] or ""][f"{found['name']}.safetensors.index.json"] = name
    small = {name: name for name in names if _suffix(name) in SMALL and ".index." not in name}
    if part in SETTINGS:
        small = {name: name for name in small if name in SETTINGS[part]}
    return small | _choose_weights(weights, variant, names)


def _choose_weights(weights: Mapping[str, dict[str, str]], variant: str | None, names: list[str]) -> dict[str, str]:
    if not weights:
        if pickles := [name for name in names if _suffix(name) in _PICKLES]:
            raise ValueError(
                f"its weights are a pickle ({pickles[0]}), which can run any program as it is opened; take the "
                f"safetensors file of the same model, or save it as one (save_pretrained of diffusers and transformers)"
            )
        return {}
    for one in (variant or "", "", *(weights if len(weights) == 1 else ())):
        if one in weights:
            return weights[one]
    raise ValueError(f"it has weights of several variants, {', '.join(weights)}; name one of them as 'variant'")


def check_complete(part: str, names: Iterable[str], *, with_weights: bool = True) -> None:
    """Refuse a part that lacks a file that is read.

    Parameters
    ----------
    names
        As from :func:`select_files`.
    with_weights
        Whether weights are read.

    Raises
    ------
    ValueError
        Naming what is missing.
    """
    names = set(names)
    kind = re.sub(r"_\d$", "", part)
    choices = _NEEDED.get(kind, [{"config.json"}])
    if not any(choice <= names for choice in choices):
        raise ValueError(f"it has no {' or '.join(' and '.join(sorted(choice)) for choice in choices)}")
    if with_weights and kind not in _WEIGHTLESS and not any(map(_WEIGHTS.fullmatch, names)):
        raise ValueError("it has no weights: no diffusion_pytorch_model.safetensors or model.safetensors")


def is_weights(name: str) -> bool:
    """Return whether a file holds weights, or lists the files that do."""
    name = PurePosixPath(name).name
    return bool(_WEIGHTS.fullmatch(name) or _INDEX.fullmatch(name))


def find_config(path: str | Path) -> Path:
    """Return a part's ``config.json``, given itself or its folder."""
    return Path(path, "config.json") if Path(path).is_dir() else Path(path)


def read_config(file: str | Path) -> dict[str, Any]:
    """Return the configuration of a part.

    Raises
    ------
    ValueError
        Naming the file, if it is no JSON object.
    """
    try:
        config = json.loads(Path(file).read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read: {error}") from None
    return config


def name_class(config: Mapping[str, Any]) -> str | None:
    """Return the class of diffusers that a part's configuration says it is of.

    PixArt and DiT were published as ``Transformer2DModel``, which diffusers has since split by kind of norm.
    """
    name = config.get("_class_name")
    return _SPLIT.get(config.get("norm_type"), name) if name == "Transformer2DModel" else name


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix
