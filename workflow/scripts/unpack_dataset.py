"""Unpack what is used of a dataset's archives."""

from pathlib import Path

from semlens import archives, logs

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        keep = archives.wanted(snakemake.params.keep, snakemake.params.sequences)
        Path(snakemake.output.dataset).mkdir(parents=True, exist_ok=True)
        for archive in snakemake.input.archives:
            archives.unpack(archive, snakemake.output.dataset, keep)
