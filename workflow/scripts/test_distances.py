"""Test the distance sets of an experiment on one dataset."""

from semlens import logs, statistics

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        statistics.test(
            distances=snakemake.input.distances,
            conditions=snakemake.params.conditions,
            sets=snakemake.params.sets,
            expect=snakemake.params.expect,
            seed=snakemake.params.seed,
            out=dict(snakemake.output.items()),
        )
