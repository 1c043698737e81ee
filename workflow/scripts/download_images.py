"""Download the pictures of one shard, and list them."""

from pathlib import Path

import pandas as pd
import yaml
from semlens import downloads, logs, pictures
from semlens.files import whole

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        columns = ["file", "width", "height"]
        shown = pd.read_parquet(snakemake.input.manifest, columns=columns).drop_duplicates()
        known = yaml.safe_load(Path(snakemake.resources.registry).read_text())["datasets"]
        pictures.download_images(
            shown.to_dict("records"),
            known[snakemake.params.source]["images"],
            Path(snakemake.output.images).parent,
            workers=snakemake.threads,
            redirects=downloads.parse_redirects(snakemake.resources.redirects),
        )
        with whole(snakemake.output.images) as file:
            shown.to_csv(file, index=False)
