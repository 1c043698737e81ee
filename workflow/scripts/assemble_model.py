"""Put a model's downloaded files where diffusers looks for them, without a copy where the file system has links."""

import os
import shutil
from pathlib import Path

from semlens import logs

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        for file in map(Path, snakemake.input.files):
            place = Path(snakemake.output[file.parent.name], file.name)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file, place)
            except OSError:
                shutil.copy2(file, place)
