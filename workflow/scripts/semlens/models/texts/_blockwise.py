"""Text encoders larger than memory: their weights are read block by block, as each block runs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch.utils._pytree import tree_map
from transformers import PreTrainedModel

from semlens.models.loading import require_complete, require_file
from semlens.models.part_files import read_config

BATCH = 8  # texts of one reading: T5's biases by position alone are 70 MB for each


def load_blockwise(kind: type[PreTrainedModel], folder: str | Path, blocks: str) -> PreTrainedModel:
    """Return an encoder of transformers whose blocks hold weights only while they run, in float32 on the host.

    At any time there are in memory the embeddings, one block, and what it reads and gives. Texts of a batch run through
    a block one after the other, so that one reading serves all, and none depends on which others there are.

    Parameters
    ----------
    kind
        Its class.
    folder
        With ``config.json`` and weights as safetensors, in one file or in several that an index lists.
    blocks
        The name of the list of its blocks, such as ``encoder.block``.

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the folder, if it is no such encoder, or a weight is missing.
    """
    files = _list_weights(Path(folder))
    for file in (Path(folder) / "config.json", *files):
        require_file(file, "text encoder")
    try:
        config = kind.config_class.from_pretrained(folder, local_files_only=True)
        config.use_cache = False  # one for a whole batch would mix its texts
        with _without_weights():
            encoder = kind(config)
        weights = _Weights(files, encoder)
        shapes = {name: list(parameter.shape) for name, parameter in encoder.named_parameters()}
        require_complete(encoder, {"missing_keys": shapes.keys() - weights.names})
        weights.check(shapes)
        stay = [name for name in shapes if not name.startswith(f"{blocks}.")]
        encoder.load_state_dict(weights.read(stay), assign=True, strict=False)
    except (OSError, ValueError, SafetensorError) as error:
        raise ValueError(f"the text encoder in {folder} cannot be loaded: {error}") from error
    encoder.tie_weights()
    for number, block in enumerate(encoder.get_submodule(blocks)):
        _hold_weights_while_running(block, f"{blocks}.{number}.", weights)
    return encoder.eval().requires_grad_(False)


def iterate_batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts, as many at a time as one reading of the weights serves."""
    for start in range(0, len(texts), BATCH):
        yield list(texts[start : start + BATCH])


@contextmanager
def _without_weights() -> Iterator[None]:
    """Modules that are built meanwhile have parameters that take no memory; buffers are as ever."""
    register = torch.nn.Module.register_parameter

    def register_without_weight(module: torch.nn.Module, name: str, value: torch.nn.Parameter | None) -> None:
        if value is not None and not value.is_meta:  # those that are, may be tied to others
            value = torch.nn.Parameter(value.to("meta"), requires_grad=False)
        register(module, name, value)

    torch.nn.Module.register_parameter = register_without_weight
    try:
        yield
    finally:
        torch.nn.Module.register_parameter = register


def _list_weights(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    names = sorted(set(read_config(index)["weight_map"].values())) if index.is_file() else ["model.safetensors"]
    return [folder / name for name in names]


class _Weights:
    """The weights in files, by the names that an encoder has for them.

    A file is open only while it is read: one that stays so counts as memory, as far as it was read.

    Attributes
    ----------
    names
        Of all that are there.
    """

    def __init__(self, files: Sequence[Path], encoder: PreTrainedModel) -> None:
        prefix = f"{encoder.base_model_prefix}."  # of an encoder that was saved inside a larger model
        self._places: dict[str, tuple[Path, str]] = {}
        for file in files:
            with safe_open(file, framework="pt") as opened:
                self._places |= {key.removeprefix(prefix): (file, key) for key in list(opened.keys())}
        for other, name in encoder.all_tied_weights_keys.items():
            if other in self._places:
                self._places.setdefault(name, self._places[other])
        self.names = set(self._places)

    def check(self, shapes: Mapping[str, list[int]]) -> None:
        """Refuse weights of another shape, and those that are not stored as numbers with a fraction."""
        for name, shape in shapes.items():
            file, key = self._places[name]
            with safe_open(file, framework="pt") as opened:
                stored = opened.get_slice(key)
            if stored.get_shape() != shape:
                raise ValueError(f"its {key} has shape {stored.get_shape()}, not {shape}")
            if "F" not in stored.get_dtype():
                raise ValueError(f"its {key} is stored as {stored.get_dtype()}; take weights that are not quantized")

    def read(self, names: Iterable[str]) -> dict[str, torch.Tensor]:
        """Return weights in float32."""
        weights = {}
        for name in names:
            file, key = self._places[name]
            with safe_open(file, framework="pt") as opened:
                weights[name] = opened.get_tensor(key).float()
        return weights


def _hold_weights_while_running(block: torch.nn.Module, prefix: str, weights: _Weights) -> None:
    names = [name for name, _ in block.named_parameters()]
    forward: Callable = block.forward

    def run(hidden: torch.Tensor, *given: Any, **named: Any) -> Any:
        read = weights.read(prefix + name for name in names)
        block.load_state_dict({name: read.pop(prefix + name) for name in names}, assign=True)
        outputs = []
        for row in range(len(hidden)):
            mine = _take_sample(((hidden, *given), named), row, len(hidden))
            outputs.append(forward(*mine[0], **mine[1]))
        block.to("meta")
        return tree_map(lambda *values: torch.cat(values) if torch.is_tensor(values[0]) else values[0], *outputs)

    block.forward = run


def _take_sample(values: Any, row: int, batch: int) -> Any:
    """Return one sample of all tensors that have one for each sample of the batch."""

    def take(value: Any) -> Any:
        return value[row : row + 1] if torch.is_tensor(value) and value.ndim > 1 and len(value) == batch else value

    return tree_map(take, values)
