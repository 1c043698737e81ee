"""Average one shard's features over each object."""

from semlens import logs, prototypes

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        prototypes.pool(
            features=snakemake.input.features,
            manifest=snakemake.input.manifest,
            feature_sets=snakemake.params.feature_sets,
            **snakemake.params.how,
            out=snakemake.output.prototypes,
        )
