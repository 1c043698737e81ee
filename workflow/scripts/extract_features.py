"""Capture the U-Net's features of one shard."""

from semlens import extraction, logs, registry

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        extraction.extract(
            latents=snakemake.input.latents,
            prompt=snakemake.input.prompt,
            unet=registry.part(snakemake.input.unet, "unet"),
            scheduler=registry.part(snakemake.input.scheduler, "scheduler"),
            feature_sets=snakemake.params.feature_sets,
            timesteps=snakemake.params.timesteps,
            posterior=snakemake.params.posterior,
            noise=snakemake.params.noise,
            inference_steps=snakemake.params.inference_steps,
            seed=snakemake.params.seed,
            dtype=snakemake.params.dtype,
            device=snakemake.resources.device,
            batch_size=snakemake.resources.batch_size,
            about=snakemake.params.about,
            out=snakemake.output.features,
        )
