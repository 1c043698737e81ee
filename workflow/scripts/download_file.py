"""Download one file of the registry."""

from pathlib import Path

import yaml

from semlens.runtime.downloads import download, parse_mirrors
from semlens.runtime.logs import log_job
from semlens.runtime.registry import list_files

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        known = list_files(yaml.safe_load(Path(snakemake.resources.registry).read_text(encoding="utf-8")))
        download(
            **known[snakemake.wildcards.file],
            out=snakemake.output.file,
            mirrors=parse_mirrors(snakemake.resources.mirrors),
        )
