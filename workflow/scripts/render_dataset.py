"""Draw a synthetic dataset in its official layout."""

from pathlib import Path

from demo.layouts import write_dataset
from semlens.runtime.logs import log, log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, folder = snakemake.params, Path(snakemake.output.dataset)
        write_dataset(params.format, folder, **params.demo, **params.options)
        log.info("%s: scenes of seed %d are in %s", params.format, params.demo["seed"], folder)
