"""Capture the U-Net's features of one shard."""

from semlens import extraction, logs, registry

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        reader = extraction.Reader(
            latents=snakemake.input.latents,
            prompt=snakemake.input.prompt,
            unet=registry.part(snakemake.input.unet, "unet"),
            scheduler=registry.part(snakemake.input.scheduler, "scheduler"),
            **snakemake.params.read,
            device=snakemake.resources.device,
            batch_size=snakemake.resources.batch_size,
        )
        extraction.extract(reader, out=snakemake.output.features)
