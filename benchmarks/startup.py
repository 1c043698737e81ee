"""What a job spends on imports before it computes.

python benchmarks/startup.py
"""

import argparse
import sys

import measure

WAYS = {
    "a job that extracts": "import semlens.extract.features, semlens.models.backbones.unet; import diffusers; "
    "diffusers.UNet2DConditionModel",
    "a job that encodes": "import semlens.extract.latents, diffusers; diffusers.AutoencoderKL",
    "a job that pools": "import semlens.extract.prototypes",
    "a job that compares": "import semlens.compare.distances",
    "torch alone": "import torch",
}


def main(ways: dict[str, str], runs: int) -> None:
    seconds = {name: [] for name in ways}
    for _ in range(runs):
        for name, code in ways.items():
            taken, _ = measure.in_process([sys.executable, "-c", f"import sys; sys.path = {sys.path}; {code}"])
            seconds[name].append(taken)
    alone = seconds["torch alone"]
    rows = [
        {"imports": name, "s": measure.spread(taken), "times torch": measure.spread(measure.ratios(taken, alone))}
        for name, taken in seconds.items()
    ]
    measure.report(rows, "torch", "diffusers", "transformers")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--toy", action="store_true", help="the last two, once")
    options = parser.parse_args()
    main(dict(list(WAYS.items())[-2:]) if options.toy else WAYS, 1 if options.toy else options.runs)
