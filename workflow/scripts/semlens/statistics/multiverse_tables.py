"""The tables of a multiverse: what each specification gave, and what is said of all of them."""

import pandera.pandas as pa

from semlens.compare.pairs import SETS
from semlens.config.choices import CHOICES
from semlens.statistics.order import VERDICTS


def _number(description: str, check: pa.Check | None = None) -> pa.Column:
    return pa.Column("float64", check, nullable=True, description=description)


def _count(description: str) -> pa.Column:
    return pa.Column("int64", pa.Check.ge(0), description=description)


def _text(description: str, check: pa.Check | None = None, *, nullable: bool = False) -> pa.Column:
    return pa.Column(str, check, nullable=nullable, description=description)


_SHARE = pa.Check.in_range(0, 1)
_SPECIFICATION = _text("What was chosen, as text: each key that varies, with its value.")
_QUANTITY = _text(
    "Separation (`between`, `inside`, `identity`), the gap between two means (`scsi < scdi`), the mean of a set "
    "(`mean dcdi`), or the Dunn index of two sets (`dunn scsi, dcdi`)."
)
_MODEL, _DATASET = _text("Name of the model."), _text("Name of the dataset.")

ESTIMATES = pa.DataFrameSchema(
    {
        "specification": _SPECIFICATION,
        "quantity": _QUANTITY,
        "value": _number("Its value; null where there is none."),
        "n_units": _count("Number of images (videos) that have a part in it; 0 where it has no interval."),
        "n_objects": _count("Number of objects that were compared."),
    },
    strict=True,
    coerce=True,
    ordered=True,
)

INFLUENCES = pa.DataFrameSchema(
    {
        "specification": _SPECIFICATION,
        "quantity": _QUANTITY,
        "unit": _text("Image, or video where images are frames."),
        "influence": pa.Column("float64", description="What the unit adds to the value."),
    },
    strict=True,
    coerce=True,
    ordered=True,
)

PERMUTED = pa.DataFrameSchema(
    {
        "specification": _SPECIFICATION,
        "permutation": pa.Column("int32", pa.Check.ge(0), description="Which permutation, the same everywhere."),
        "separation": _number("Separation between images when classes are permuted so.", _SHARE),
    },
    strict=True,
    coerce=True,
    ordered=True,
)

SPECIFICATIONS_TABLE = pa.DataFrameSchema(
    {
        "model": _MODEL,
        "dataset": _DATASET,
        "specification": _SPECIFICATION,
        **{
            key: _text(f"What the key `{key}` is, as text; null where it does not vary.", nullable=True)
            for key in CHOICES
        },
        "comparison": _text(
            "What separation compares: classes between images, or an object's identity under a view.",
            pa.Check.isin(["between", "identity"]),
        ),
        "separation": _number("Separation; null where no class counts.", _SHARE),
        "low": _number("Lower end of its 95 % interval, t(n_units - 1).", _SHARE),
        "high": _number("Upper end of its 95 % interval.", _SHARE),
        "p": _number("Share of block permutations of the classes with at least as much separation.", _SHARE),
        "inside": _number("Separation of classes inside images.", _SHARE),
        "inside_low": _number("Lower end of its 95 % interval.", _SHARE),
        "inside_high": _number("Upper end of its 95 % interval.", _SHARE),
        "verdict": _text(
            "Whether means of sets rise in the expected order, by intervals that hold for all gaps of the "
            "specification at once.",
            pa.Check.isin(VERDICTS),
        ),
        "dunn_index": _number("Dunn index of the first and the last set of the expected order.", pa.Check.ge(0)),
        "n_objects": _count("Number of objects that were compared."),
        "n_units": _count("Number of images (videos) with objects that count."),
    },
    strict=True,
    coerce=True,
    ordered=True,
)

GAPS_TABLE = pa.DataFrameSchema(
    {
        "model": _MODEL,
        "dataset": _DATASET,
        "specification": _SPECIFICATION,
        "gap": _text(f"Two sets of {', '.join(SETS)}: the mean of the second minus that of the first."),
        "value": _number("The gap."),
        "low": _number("Lower end of its 95 % interval, which holds for all gaps of the specification at once."),
        "high": _number("Upper end of this interval."),
        "scale": _number("Mean of the last set of the order, in which figures measure gaps: metrics differ in scale."),
    },
    strict=True,
    coerce=True,
    ordered=True,
)

CHOICES_TABLE = pa.DataFrameSchema(
    {
        "model": _MODEL,
        "dataset": _DATASET,
        "outcome": _text("What moves: `separation`, or a gap over the mean of the last set."),
        "choice": _text("Key that varies; `interactions` is what no key explains alone."),
        "n_values": _count("How many values the key has; 0 for interactions."),
        "share": _number(
            "Share of the variance between specifications that the choice explains, without what chance adds; null "
            "where they differ no more than by chance, or too few of them tell the choice from others.",
            _SHARE,
        ),
        "low": _number("Lower end of its 95 % interval, by draws of the errors of images (videos).", _SHARE),
        "high": _number("Upper end of this interval.", _SHARE),
        "spread": _number("Largest minus smallest mean over the specifications of one value.", pa.Check.ge(0)),
        "spread_low": _number("Lower end of its 95 % interval, which holds for all pairs of the key's values at once."),
        "spread_high": _number("Upper end of this interval."),
        "highest": _text("The value with the largest mean; null for interactions.", nullable=True),
        "lowest": _text("The value with the smallest mean.", nullable=True),
    },
    strict=True,
    coerce=True,
    ordered=True,
)

SUMMARY_TABLE = pa.DataFrameSchema(
    {
        "model": _MODEL,
        "dataset": _DATASET,
        "expected": _text("Sets by rising mean, as the expected order has them."),
        "n_specifications": _count("Number of specifications that were measured."),
        "n_possible": _count("Number of all combinations of the choices, of which these are all or a part."),
        "median": _number("Median separation over the specifications.", _SHARE),
        "median_low": _number("Lower end of its 95 % interval, by the jackknife over images (videos).", _SHARE),
        "median_high": _number("Upper end of this interval.", _SHARE),
        "smallest": _number("Smallest separation.", _SHARE),
        "largest": _number("Largest separation.", _SHARE),
        "p": _number(
            "Of the whole curve: share of block permutations, the same through all specifications, whose median "
            "separation is at least as large.",
            _SHARE,
        ),
        "n_above_chance": _count("Specifications whose separation has an interval above 0.5."),
        **{name: _count(f"Specifications whose order is {name}: {meaning}.") for name, meaning in VERDICTS.items()},
        "n_seeds": _count("Number of seeds; 0 where they do not vary."),
        "seed_sd": _number(
            "Standard deviation of separation over seeds, all else the same: the root of the mean variance.",
            pa.Check.ge(0),
        ),
        "image_se": _number("Standard error of separation by image: the root of the mean square.", pa.Check.ge(0)),
    },
    strict=True,
    coerce=True,
    ordered=True,
)
