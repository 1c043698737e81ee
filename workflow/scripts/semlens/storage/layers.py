"""The tables of a model's layers, in forward order, and of its noise."""

import pandera.pandas as pa

LAYERS = pa.DataFrameSchema(
    {
        "name": pa.Column(str, description="Canonical name of the layer, as configurations have it."),
        "module": pa.Column(str, description="Name of its module in diffusers or transformers."),
        "grid": pa.Column("int64", pa.Check.gt(0), description="Side of its map in cells, at the model's own size."),
        "channels": pa.Column("int64", pa.Check.gt(0), description="Number of channels of its map."),
        "depth": pa.Column(
            float, pa.Check.in_range(0, 1), description="How deep it lies: 0 for the first layer, 1 for the last."
        ),
    },
    unique=["name"],
    strict=True,
    coerce=True,
    ordered=True,
)

NOISE = pa.DataFrameSchema(
    {
        "timestep": pa.Column(
            "int64", pa.Check.in_range(0, 999), description="Noise level, as configurations have it."
        ),
        "snr": pa.Column(
            float, pa.Check.ge(0), description="Variance of the signal over that of the noise; infinite without noise."
        ),
    },
    unique=["timestep"],
    strict=True,
    coerce=True,
    ordered=True,
)
