"""Summarize a multiverse: every specification, and what is said of all of them."""

from semlens.runtime.logs import log_job
from semlens.statistics.multiverse import TABLES, summarize_multiverse

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs = snakemake.params, snakemake.input
        n = len(inputs.estimates) // len(params.runs)  # readings of each model and dataset, run by run
        files = {"estimates": inputs.estimates, "influence": inputs.influence, "permuted": inputs.permuted}
        summarize_multiverse(
            records=[
                {**run, **{kind: paths[n * place : n * (place + 1)] for kind, paths in files.items()}}
                for place, run in enumerate(params.runs)
            ],
            specifications=params.specifications,
            n_possible=params.n_possible,
            expected_order=params.expected_order,
            seed=params.seed,
            out={name: snakemake.output[name] for name in TABLES},
        )
