"""Unpack what is used of a dataset's archives."""

from semlens.runtime.archives import compile_wanted, unpack
from semlens.runtime.files import create_folder
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]), create_folder(snakemake.output.dataset) as folder:
        if folder is not None:
            keep = compile_wanted(snakemake.params.keep, snakemake.params.sequences)
            for archive in snakemake.input.archives:
                unpack(archive, folder, keep)
