"""List the layers of a model's U-Net."""

import json

import pandas as pd
from semlens.models.backbones.unet import list_unet_layers
from semlens.models.parts import find_part
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log, log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        config = json.loads((find_part(snakemake.input.unet, "unet") / "config.json").read_text())
        table = pd.DataFrame(list_unet_layers(config))
        with write_atomically(snakemake.output.layers) as file:
            table.to_csv(file, index=False)
        log.info("%s:\n%s", snakemake.wildcards.model, table.to_string(index=False))
