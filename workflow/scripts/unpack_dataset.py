"""Unpack what is used of a dataset's archives."""

from pathlib import Path

from semlens.runtime.archives import compile_wanted, unpack
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        keep = compile_wanted(snakemake.params.keep, snakemake.params.sequences)
        Path(snakemake.output.dataset).mkdir(parents=True, exist_ok=True)
        for archive in snakemake.input.archives:
            unpack(archive, snakemake.output.dataset, keep)
