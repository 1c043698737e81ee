"""What a job spends on imports before it loads a model: diffusers as it comes, and as semlens imports it.

python benchmarks/startup.py
python -X importtime -c 'from semlens import models; models._diffusers()'     # in workflow/scripts: where it goes
"""

import argparse
import sys

import measure

WAYS = {
    "diffusers as it comes": "from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, UNet2DConditionModel",
    "semlens": "from semlens import models; models._diffusers()",
    "torch alone": "import torch",
}


def main(runs: int) -> None:
    seconds = {name: [] for name in WAYS}
    for _ in range(runs):
        for name, code in WAYS.items():
            taken, _ = measure.in_process([sys.executable, "-c", f"import sys; sys.path = {sys.path}; {code}"])
            seconds[name].append(taken)
    slow = seconds["diffusers as it comes"]
    rows = [
        {"imports": name, "s": measure.spread(taken), "times faster": measure.spread(measure.ratios(slow, taken))}
        for name, taken in seconds.items()
    ]
    measure.report(rows, "torch", "diffusers", "transformers")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--toy", action="store_true", help="once")
    options = parser.parse_args()
    main(1 if options.toy else options.runs)
