"""Download the pictures of one shard, and list them."""

import os
from pathlib import Path

import pandas as pd
from semlens import downloads, logs, pictures
from semlens.tables import whole

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        columns = ["file", "width", "height"]
        shown = pd.read_parquet(snakemake.input.manifest, columns=columns).drop_duplicates()
        redirects = f"{os.environ.get('SEMLENS_REDIRECT', '')},{snakemake.resources.redirects}"
        pictures.download_images(
            shown.to_dict("records"),
            snakemake.params.urls,
            Path(snakemake.output.images).parent,
            workers=snakemake.threads,
            redirects=downloads.parse_redirects(redirects),
        )
        with whole(snakemake.output.images) as file:
            shown.to_csv(file, index=False)
