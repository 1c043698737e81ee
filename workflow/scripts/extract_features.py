"""Capture the features of one shard."""

from semlens.extract.feature_shards import extract_features
from semlens.extract.features import FeatureExtractor
from semlens.extract.settings import ExtractionSettings
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
        extract_features(
            extractor, half=snakemake.params.half, out=snakemake.output.features, tokens=snakemake.output.tokens
        )
