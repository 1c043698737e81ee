"""The class-conditional transformers DiT: diffusers' ``DiTTransformer2DModel``."""

from typing import TYPE_CHECKING, Any

from semlens.models.backbones._denoisers import Denoiser

if TYPE_CHECKING:
    import h5py
    import torch


class DiT(Denoiser):
    """The family of DiT."""

    def prepare_conditioning(
        self, network: "torch.nn.Module", prompts: "h5py.File | None", view: str, rows: slice, *, image_size: int
    ) -> dict[str, Any]:
        """Return the class of each sample: none, which is the number after the last class (1000 of ImageNet's).

        Parameters
        ----------
        prompts, view, image_size
            Not minded: there is no text.
        rows
            The samples of the batch.
        """
        import torch

        none = network.config.num_embeds_ada_norm
        return {"class_labels": torch.full((rows.stop - rows.start,), none, device=network.device)}


FAMILY = DiT("DiTTransformer2DModel", noise="betas", text=None)
