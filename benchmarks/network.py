"""One pass of Stable Diffusion 1.5's U-Net up to enc16.1, as each option computes it: time, and error of the features.

    python benchmarks/network.py                                # seconds per image, on the CPU
    python benchmarks/network.py --errors                       # of each layer, beside float32 as it is
    python benchmarks/network.py --device cuda --batch-size 16  # TF32 is measured on a GPU alone

Weights are random, and of the size of the published ones. Every way has weights of its own, so 7 GB are needed. The
first pass compiles, into an empty folder; "again" compiles the same in a network made anew, from what torch kept there.
With --toy, nothing is compiled.
"""

import argparse
import contextlib
import copy
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from unittest import mock

import measure
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from extraction import LAYER, TINY_UNET, UNET

from semlens.models.backbones import list_layers
from semlens.models.capture import capture
from semlens.models.layers import Layer
from semlens.models.optimizations import optimize_network, set_tf32

PLAIN = "float32"
WAYS = {  # by name: precision, optimizations
    PLAIN: (torch.float32, []),
    "float32, attention without SDPA": (torch.float32, []),
    "float32, channels_last": (torch.float32, ["channels_last"]),
    "float32, compile": (torch.float32, ["compile"]),
    "float32, channels_last, compile": (torch.float32, ["channels_last", "compile"]),
    "float32, tf32": (torch.float32, ["tf32"]),
    "bfloat16": (torch.bfloat16, []),
    "bfloat16, channels_last, compile": (torch.bfloat16, ["channels_last", "compile"]),
}


class Reader:
    """Reads the layers of a network, which is built in as many ways as there are."""

    def __init__(self, toy: bool, device: str, batch_size: int) -> None:
        torch.manual_seed(0)
        config = TINY_UNET if toy else UNET
        with torch.device(device):
            self._network = UNet2DConditionModel(**config).eval().requires_grad_(False)
            side = config["sample_size"]
            self._latents = torch.randn(batch_size, 4, side, side)
            self._text = torch.randn(batch_size, 77, config["cross_attention_dim"])
        self._available = layers = list_layers(self._network)
        self.layers = layers[: 1 + [layer.name for layer in layers].index(LAYER)]
        self._network.mid_block, self._network.up_blocks = None, torch.nn.ModuleList()  # never reached

    def build(self, way: str) -> UNet2DConditionModel:
        dtype, optimizations = WAYS[way]
        network = copy.deepcopy(self._network)
        for values in (*network.parameters(), *network.buffers()):
            values.data = values.data.to(dtype)
        if "without SDPA" in way:
            network.set_attn_processor(AttnProcessor())
        optimize_network(network, optimizations, self.layers, self._available)
        network.wants_tf32 = "tf32" in optimizations
        return network

    @torch.inference_mode()
    def read(self, network: UNet2DConditionModel, layers: list[Layer]) -> dict[str, torch.Tensor]:
        set_tf32(network.wants_tf32)
        with capture(network, layers) as features:
            network(self._latents.to(network.dtype), 50, encoder_hidden_states=self._text.to(network.dtype))
        if network.device.type == "cuda":
            torch.cuda.synchronize()
        return features


def clock(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def list_ways(device: str) -> list[str]:
    return [way for way in WAYS if device == "cuda" or "tf32" not in way]


def measure_time(reader: Reader, device: str, batch_size: int, runs: int) -> list[dict[str, object]]:
    """Seconds per image; and of the first pass, which compiles."""
    networks = {way: reader.build(way) for way in list_ways(device)}

    def read_last(network: UNet2DConditionModel) -> None:
        reader.read(network, reader.layers[-1:])

    first = {way: clock(lambda network=network: read_last(network)) for way, network in networks.items()}
    seconds = measure.timed({way: lambda n=n: read_last(n) for way, n in networks.items()}, runs)
    again = {}
    for way in [way for way in networks if "compile" in way]:
        torch.compiler.reset()
        network = reader.build(way)
        again[way] = clock(lambda network=network: read_last(network))
    rows = []
    for way in WAYS:
        row: dict[str, object] = {f"{device}, batch {batch_size}": way}
        if way in networks:
            row["s per image"] = measure.spread([value / batch_size for value in seconds[way]])
            row["times faster"] = measure.spread(measure.ratios(seconds[PLAIN], seconds[way]))
            row["first pass, s"] = f"{first[way]:.1f}"
            row["again, s"] = f"{again[way]:.1f}" if way in again else ""
        else:
            row |= dict.fromkeys(("s per image", "times faster", "first pass, s", "again, s"), "not measured")
        rows.append(row)
    return rows


def measure_errors(reader: Reader, device: str) -> list[dict[str, object]]:
    """The largest and the mean error of each layer's features, of their root mean square."""
    exact = reader.read(reader.build(PLAIN), reader.layers)
    rows = []
    for way in [way for way in WAYS if way != PLAIN]:
        row: dict[str, object] = {f"{device}: largest, mean error": way}
        found = reader.read(reader.build(way), reader.layers) if way in list_ways(device) else {}
        for layer, maps in exact.items():
            row[layer] = "not measured"
            if layer in found:
                errors = (found[layer].float() - maps).abs() / maps.square().mean().sqrt()
                row[layer] = f"{errors.max().item():.1e}, {errors.mean().item():.1e}"
        rows.append(row)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--errors", action="store_true", help="of features, in place of times")
    parser.add_argument("--toy", action="store_true", help="a tiny network: figures that say nothing")
    options = parser.parse_args()
    without = mock.patch.object(torch, "compile", partial(torch.compile, disable=True))
    with tempfile.TemporaryDirectory() as folder, without if options.toy else contextlib.nullcontext():
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        small = Reader(options.toy, options.device, options.batch_size)
        table = (
            measure_errors(small, options.device)
            if options.errors
            else measure_time(small, options.device, options.batch_size, options.runs)
        )
    measure.report(table, "torch", "diffusers")
