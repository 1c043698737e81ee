"""Make a tiny Stable-Diffusion-format model with random weights."""

from semlens import logs, tiny

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        tiny.write(snakemake.output.model, seed=snakemake.params.seed)
