"""The table of a model's layers, in forward order."""

import pandera.pandas as pa

LAYERS = pa.DataFrameSchema(
    {
        "name": pa.Column(str, description="Canonical name of the layer, as configurations have it."),
        "module": pa.Column(str, description="Name of its module in diffusers."),
        "grid": pa.Column("int64", pa.Check.gt(0), description="Side of its map in cells, at the model's own size."),
        "channels": pa.Column("int64", pa.Check.gt(0), description="Number of channels of its map."),
    },
    unique=["name"],
    strict=True,
    coerce=True,
    ordered=True,
)
