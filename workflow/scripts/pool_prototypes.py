"""Average one shard's features over each object."""

from semlens.extract.prototypes import pool_prototypes
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        pool_prototypes(
            features=snakemake.input.features,
            manifest=snakemake.input.manifest,
            layer_sets=snakemake.params.layer_sets,
            **snakemake.params.masks,
            out=snakemake.output.prototypes,
        )
