"""Average the U-Net's features of one shard over each object, and keep only that."""

from semlens import extraction, logs, pooling, registry

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
        pooling.extract(
            reader,
            manifest=snakemake.input.manifest,
            feature_sets=snakemake.params.feature_sets,
            **snakemake.params.how,
            out=snakemake.output.prototypes,
        )
