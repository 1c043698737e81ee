"""Download one file of the registry."""

from pathlib import Path

import yaml
from semlens import downloads, logs, registry

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        known = registry.files(yaml.safe_load(Path(snakemake.resources.registry).read_text()))
        downloads.download(
            **known[snakemake.wildcards.file],
            out=snakemake.output.file,
            redirects=downloads.parse_redirects(snakemake.resources.redirects),
        )
