"""The table of planes: where the objects of an extraction lie, and what lies nearest to each."""

import pandera.pandas as pa

MAX_OBJECTS = 5000  # of a dataset; docs/data.md and the explorer say so
NEIGHBOURS = [f"neighbour_{rank}" for rank in range(1, 7)]

PLANES = pa.DataFrameSchema(
    {
        "layers": pa.Column(str, description="Layer set."),
        "timestep": pa.Column("int64", pa.Check.ge(0), description="Timestep."),
        "metric": pa.Column(str, description="Metric of the normalization and of the neighbours."),
        "instance_id": pa.Column(str, description="Id of the instance."),
        "x": pa.Column("float64", description="Coordinate on the first principal component."),
        "y": pa.Column("float64", description="Coordinate on the second principal component."),
        "explained": pa.Column(
            "float64",
            pa.Check.in_range(0, 1 + 1e-9),
            description="Share of the variance that both components have, the same in every row of a plane.",
        ),
        **{
            name: pa.Column(
                str,
                nullable=True,
                description=f"Id of the {name[-1]}. nearest of these instances in other images (videos).",
            )
            for name in NEIGHBOURS
        },
    },
    strict=True,
    coerce=True,
)
