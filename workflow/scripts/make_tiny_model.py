"""Make a tiny Stable-Diffusion-format model with random weights."""

from pathlib import Path

from semlens import logs, tiny

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        tiny.write(Path(snakemake.output.index).parent, seed=snakemake.params.seed)
