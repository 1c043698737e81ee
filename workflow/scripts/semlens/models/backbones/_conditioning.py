"""What networks that read texts share: the text of each sample of a batch."""

from typing import TYPE_CHECKING

from semlens.storage.shard_reader import read_samples

if TYPE_CHECKING:
    import h5py
    import torch


def read_sample_texts(
    network: "torch.nn.Module", prompts: "h5py.File", key: str, view: str, rows: slice
) -> "torch.Tensor":  # (batch, ...)
    """Return what a shard of prompts holds of each sample's text, on the network's device.

    Parameters
    ----------
    prompts
        A shard of :mod:`semlens.extract.prompts`.
    key
        ``embedding``, ``pooled`` or ``mask``. Numbers get the network's precision, a mask stays one.
    view, rows
        The samples of the batch.
    """
    import torch

    which = read_samples(prompts, f"{view}/text", rows) if view in prompts else [0] * (rows.stop - rows.start)
    different = sorted(set(which))
    texts = [torch.from_numpy(read_samples(prompts, key, slice(text, text + 1))) for text in different]
    if len(different) == 1:  # the same for all is copied once
        chosen = texts[0].to(network.device).expand(len(which), *texts[0].shape[1:])
    else:
        chosen = torch.cat([texts[different.index(text)] for text in which]).to(network.device)
    return chosen.to(network.dtype) if chosen.is_floating_point() else chosen
