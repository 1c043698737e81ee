"""What image encoders of transformers share."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semlens.models.backbones._tokens import Blocks, divide, gather_map, list_block_layers
from semlens.models.layers import Layer
from semlens.models.loading import load_encoder, make_untrained_encoder
from semlens.models.preprocessing import FILES, read_preprocessing
from semlens.runtime.logs import log

if TYPE_CHECKING:
    import torch

INTERPOLATE = {"interpolate_pos_encoding": True}  # where a network must be told that images may have another size
_READ = ("num_hidden_layers", "hidden_size", "image_size", "patch_size")


class Encoder:
    """A family of encoders; see :mod:`semlens.models.backbones` for what it has.

    Parameters
    ----------
    networks
        The class of the network, by the ``model_type`` of ``config.json``.
    place, attention
        See :class:`semlens.models.backbones._tokens.Blocks`.
    options
        What a forward pass is given beside the pixels.
    building
        What the class is built with beside its configuration.
    """

    READS, PART = "images", "encoder"
    PARTS = REQUIRED_PARTS = (PART,)
    read_preprocessing = staticmethod(read_preprocessing)
    to_map = staticmethod(gather_map)

    def __init__(
        self,
        networks: Mapping[str, str],
        place: str,
        attention: str,
        *,
        options: Mapping[str, Any] | None = None,
        building: Mapping[str, Any] | None = None,
    ) -> None:
        self.NETWORKS, self.MODEL_TYPES = tuple(dict.fromkeys(networks.values())), tuple(networks)
        self._networks, self._place, self._attention = networks, place, attention
        self._options, self._building = dict(options or {}), dict(building or {})

    def list_layers(self, config: Mapping[str, Any], size: int | None = None) -> list[Layer]:
        """Return the layers of every block, in forward order."""
        config = self._complete(config)
        blocks = Blocks("block", self._place, config["num_hidden_layers"], self._attention)
        grid = (size or config["image_size"]) // config["patch_size"]
        return list_block_layers([blocks], grid=grid, channels=config["hidden_size"])

    def check_config(self, config: Mapping[str, Any], size: int | None = None) -> None:
        """Refuse an encoder of another type, or one that does not cut images of a size into whole patches.

        Raises
        ------
        ValueError
            Naming the type and those that are known, or the patch and sizes that fit.
        """
        kind = config.get("model_type")
        if kind not in self._networks:
            raise ValueError(f"its config.json has the model_type {kind}; known are {', '.join(self._networks)}")
        patch = self._complete(config)["patch_size"]
        if not isinstance(patch, int):
            raise ValueError(f"its patches are {patch}; squares are known")
        if size is not None and size % patch:
            fits = [grid * patch for grid in sorted({16, 32, size // patch, size // patch + 1}) if grid]
            raise ValueError(
                f"it cuts images into patches of {patch}; set 'size' to one of {', '.join(map(str, fits))}"
            )

    def find_grid(self, network: "torch.nn.Module", inputs: dict[str, Any]) -> tuple[int, int]:
        """Return height and width of the maps that the network makes of its images."""
        return divide(inputs["pixel_values"], network.config.patch_size)

    def load(self, folder: str | Path, *, device: "torch.device", dtype: "torch.dtype") -> "torch.nn.Module":
        """Return the encoder of a folder in transformers' layout, frozen."""
        network = load_encoder(folder, self._networks, dtype, **self._building)
        return network.to(device).eval().requires_grad_(False)

    def write_untrained(self, config_file: str | Path, out: str | Path, *, seed: int) -> None:
        """Write an encoder built as another's ``config.json`` says, with random initial weights."""
        folder = Path(config_file).parent
        make_untrained_encoder(folder, self._networks, seed, **self._building).save_pretrained(out)
        for name in FILES:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, Path(out, name))
        log.info("%s: an encoder with random weights of seed %d, built as %s says", out, seed, config_file)

    def build_inputs(self, network: "torch.nn.Module", pixels: "torch.Tensor") -> dict[str, Any]:
        """Return all that a forward pass is given, by name."""
        return {"pixel_values": pixels.to(network.dtype), **self._options}

    def _complete(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a configuration says of the image encoder, with what its class fills in."""
        vision = config.get("vision_config") or config
        if not all(key in vision for key in _READ):
            import transformers

            name = self._networks.get(config.get("model_type"), next(iter(self._networks.values())))
            vision = getattr(transformers, name.replace("Model", "Config"))(**vision).to_dict()
        sides = {key: vision[key] for key in ("image_size", "patch_size")}
        squares = {
            key: side[0] for key, side in sides.items() if isinstance(side, list | tuple) and len(set(side)) == 1
        }
        return {**vision, **squares}
