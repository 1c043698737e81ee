"""Average the features of one shard over each object, and keep only that."""

from semlens.extract.features import FeatureExtractor
from semlens.extract.settings import ExtractionSettings
from semlens.extract.streaming import extract_prototypes
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        extractor = FeatureExtractor(
            ExtractionSettings(**snakemake.params.settings),
            family=snakemake.params.family,
            inputs=snakemake.input,
            images=snakemake.params.images,
            device=snakemake.resources.device,
            batch_size=snakemake.resources.batch_size,
            names=snakemake.params.names,
        )
        extract_prototypes(
            extractor,
            manifest=snakemake.input.manifest,
            layer_sets=snakemake.params.layer_sets,
            **snakemake.params.masks,
            out=snakemake.output.prototypes,
            tokens=snakemake.output.tokens,
        )
