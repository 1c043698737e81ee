"""Capture the U-Net's features of one shard."""

from semlens.extract.features import FeatureExtractor, extract_features
from semlens.models.parts import find_part
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        reader = FeatureExtractor(
            latents=snakemake.input.latents,
            prompt=snakemake.input.prompt,
            unet=find_part(snakemake.input.unet, "unet"),
            scheduler=find_part(snakemake.input.scheduler, "scheduler"),
            **snakemake.params.read,
            device=snakemake.resources.device,
            batch_size=snakemake.resources.batch_size,
        )
        extract_features(reader, out=snakemake.output.features)
