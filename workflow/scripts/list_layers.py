"""List the layers of a model's U-Net."""

import json

import pandas as pd
from semlens import logs, registry
from semlens.files import whole
from semlens.layers import layers

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        config = json.loads((registry.part(snakemake.input.unet, "unet") / "config.json").read_text())
        table = pd.DataFrame(layers(config))
        with whole(snakemake.output.layers) as file:
            table.to_csv(file, index=False)
        logs.log.info("%s:\n%s", snakemake.wildcards.model, table.to_string(index=False))
