"""Download the images of one shard, and list them."""

from pathlib import Path

import yaml

from semlens.images.downloads import download_images
from semlens.runtime.downloads import parse_mirrors
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log_job
from semlens.storage.table_reader import read_table

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        shown = read_table(snakemake.input.manifest, ["file", "width", "height"]).drop_duplicates()
        known = yaml.safe_load(Path(snakemake.resources.registry).read_text(encoding="utf-8"))["datasets"]
        download_images(
            shown.to_dict("records"),
            known[snakemake.wildcards.source]["images"],
            Path(snakemake.output.images).parent,
            workers=snakemake.threads,
            mirrors=parse_mirrors(snakemake.resources.mirrors),
        )
        with write_atomically(snakemake.output.images) as file:
            shown.to_csv(file, index=False)
