"""What decides which features an extraction holds, but for its input files."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ExtractionSettings:
    """The keys of an extraction that decide its features; each has the configuration's name.

    Attributes
    ----------
    layers
        Layer sets, whose layers are captured.
    timesteps
        Noise levels at which the network is read.
    posterior
        ``sample`` or ``mean``: how latents are drawn from the VAE's posterior.
    noise
        Whether the noise of the timestep is added; without, the network reads the clean latent at that timestep.
    inference_steps
        None: the network is read at the noise level of the timestep. A number: that noise is taken away again in
        deterministic steps, of which so many span the whole range, and the network is read in the last, at 0.
    seed
        Of the posterior's sample and of the noise.
    dtype
        Of the network: ``float32``, ``float16`` or ``bfloat16``.
    optimizations
        Sorted, see :func:`semlens.models.optimizations.optimize_network`.
    """

    layers: list[str]
    timesteps: list[int]
    posterior: str
    noise: bool
    inference_steps: int | None
    seed: int
    dtype: str
    optimizations: Sequence[str] = ()
