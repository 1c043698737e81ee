"""Download one file of the registry."""

import os

from semlens import downloads, logs

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        redirects = f"{os.environ.get('SEMLENS_REDIRECT', '')},{snakemake.resources.redirects}"
        downloads.download(
            **snakemake.params.entry,
            out=snakemake.output.file,
            redirects=downloads.parse_redirects(redirects),
        )
