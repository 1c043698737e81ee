"""All kinds of figures and tables, one row each: the rule that makes it, the experiments that have it, its caption.

The workflow's targets, and the report's parts and captions, are read from here. Cheap to import.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from semlens.config.axes import AXES
from semlens.config.plan import compares_classes, list_conditions, tracks_instance
from semlens.config.schema import Config
from semlens.config.studies import list_studies
from semlens.images.original import ORIGINAL
from semlens.models.layers import find_forward_position

DUNN_INDEXES = {
    "table1": "the difference of means over the larger standard deviation, as in Table 1",
    "eq10": "the smallest gap between the sets over the largest range within one (Eq. 10)",
}


@dataclass(frozen=True)
class Kind:
    """One kind of figure or table of an experiment.

    Attributes
    ----------
    name
        A figure's or table's kind, in the report's anchors too.
    rule
        The rule that makes it.
    applies
        Of an entry of the configuration: whether it has one.
    file
        Below the results, what the report shows: an image (``.png``), or a table as a piece of HTML (``.html``).
    title
        Its heading in the report; empty where the experiment's own title is enough.
    caption
        What it shows. It may name the experiment's ``{reference}`` and the definition of its ``{dunn_index}``.
    is_photograph
        Whether it is mostly photographs, which the report may compress.
    section
        The section of the configuration whose entries have it.
    """

    name: str
    rule: str
    applies: Callable[[Config], bool]
    file: str
    title: str
    caption: str
    is_photograph: bool = False
    section: str = "experiments"


def _is_any(entry: Config) -> bool:
    return True


def _compares_sets(experiment: Config) -> bool:
    return not tracks_instance(experiment)


def _has_boxes(experiment: Config) -> bool:
    return _compares_sets(experiment) and not _has_curves(experiment)


def _has_curves(experiment: Config) -> bool:
    return _compares_sets(experiment) and experiment["axis"] == "offset"


def _compares_features(experiment: Config) -> bool:
    return _compares_sets(experiment) and AXES[experiment["axis"]].changes_features


def _reads_single_layers(experiment: Config) -> bool:
    """Whether some condition along layers or timesteps is a single layer, of images as they are."""
    return (
        _compares_sets(experiment)
        and experiment["axis"] in ("layers", "timestep")
        and experiment["view"] == ORIGINAL
        and any(find_forward_position(condition["layers"]) for condition in list_conditions(experiment))
    )


KINDS = (
    Kind(
        "boxes",
        "draw_experiment",
        _has_boxes,
        "figures/{name}.png",
        "",
        "The distances of each set. Boxes span the quartiles. Whiskers end at the last distance within 1.5 "
        "interquartile ranges. Fewer than ten distances are points. Diamonds are means; the bars beside them are 95 % "
        "intervals over images (videos), where at least five have pairs. Numbers below the boxes count pairs. The "
        "order of the means is established if every gap in it has an interval above zero, and observed if only the "
        "means have it. For transformations, bands span the quartiles of the sets that no view changes, with their "
        "medians.",
    ),
    Kind(
        "curves",
        "draw_experiment",
        _has_curves,
        "figures/{name}.png",
        "",
        "Mean distance between a reference frame and a later one. Bands are 95 % intervals of the mean over videos; "
        "there are none where fewer than five videos have pairs.",
    ),
    Kind(
        "track",
        "draw_track",
        tracks_instance,
        "figures/{name}.png",
        "",
        "The object {reference} is outlined in green, itself in later frames too, with its distance from the "
        "reference. The other objects of its video are outlined in blue.",
        is_photograph=True,
    ),
    Kind(
        "track_table",
        "draw_track",
        tracks_instance,
        "tables/{name}.html",
        "Distances",
        "Distance between the reference and every object of every later frame.",
    ),
    Kind(
        "separation",
        "draw_separation",
        _compares_sets,
        "figures/{name}.separation.png",
        "Separation",
        "How often an object of the same class is nearer than one of another class: both in other images (between "
        "images), or both in its own (inside images). For identity: how often another object of its class is farther "
        "than the object itself, under a view or in a later frame. Bands and bars are 95 % intervals that hold for all "
        "conditions of a model at once. Filled marks are tied with the model's highest condition: it does not lie "
        "significantly above them.",
    ),
    Kind(
        "separation_table",
        "draw_separation",
        _compares_sets,
        "tables/{name}.separation.html",
        "",
        "Separation with its 95 % interval; bold where it is tied with the highest condition. p: of block "
        "permutations of the classes, adjusted for the number of conditions. A class counts if its objects are in at "
        "least five images (videos). Retrieval, from the same neighbours: mean average precision, recall at 1, and the "
        "accuracy of a vote of the 20 nearest.",
    ),
    Kind(
        "artefacts",
        "draw_artefacts",
        _compares_features,
        "figures/{name}.artefacts.png",
        "What else could it be",
        "Below separation, what prototypes hold beside classes. Place and size: the share of the variance of an "
        "object's place in its image, and of the logarithm of its area, that a ridge regression reads from its "
        "prototype in images (videos) that it was not trained on; 0 is no better than the mean. Bands and bars are "
        "95 % intervals. "
        "Last, the share of the prototypes' variance in the four channels of largest magnitude. Where it is near 1, "
        "few channels decide the distances (keys discard_channels, standardize_channels). Where place or size is read "
        "well, classes may be told by it (key given).",
    ),
    Kind(
        "sets",
        "draw_experiment",
        _compares_sets,
        "tables/{name}.sets.html",
        "Means of the distance sets",
        "Mean and sample standard deviation of the distances in each set, the 95 % interval of the mean over images "
        "(videos), the number of pairs, and the p-value of the Shapiro-Wilk test of normality.",
    ),
    Kind(
        "tests",
        "draw_experiment",
        _compares_sets,
        "tables/{name}.tests.html",
        "Tests between distance sets",
        "Laid out as Table 1. p-values are those of the Kruskal-Wallis test on each pair of sets, as in the paper: "
        "pairs of objects are not independent, so they describe and prove nothing. The Dunn index is {dunn_index}.",
    ),
    Kind(
        "class_distances",
        "draw_classes",
        compares_classes,
        "figures/{name}.class_distances.png",
        "Distances between classes",
        "Mean distance between the objects of two classes in different images; on the diagonal, within a class. Near "
        "classes stand together, in the order of the tree (average linkage) of all maps. Distances are divided by the "
        "mean of their map, so that maps share one scale. A cell is crossed out where two classes have no objects in "
        "different images. A class with more than 200 objects is represented by 200, drawn at random.",
    ),
    Kind(
        "pca",
        "draw_classes",
        compares_classes,
        "figures/{name}.pca.png",
        "Objects on two principal components",
        "The prototypes of the same objects on their first two principal components. The ten classes with most objects "
        "are named; the others are grey.",
    ),
    Kind(
        "neighbours",
        "draw_neighbours",
        compares_classes,
        "figures/{name}.neighbours.png",
        "Neighbours",
        "An object, drawn at random, and the eight nearest ones of other images (videos), nearest first. The object is "
        "outlined. A whole frame and a tick: the same class. A dashed frame and a cross: another class, named below. "
        "Of a class with more than 200 objects, 200 take part, drawn at random. Shown are the four classes that are "
        "then in most images, and up to two conditions; open_run(...).neighbours(...) gives all others.",
        is_photograph=True,
    ),
    Kind(
        "pairs",
        "draw_neighbours",
        compares_classes,
        "figures/{name}.pairs.png",
        "Pairs that lie where none should",
        "The nearest pairs of different classes, and the farthest pairs of one class, in different images (videos). "
        "The objects are outlined; below are their classes and their distance. A row has no object twice. Up to two "
        "conditions are shown. Of a class with more than 200 objects, 200 take part, drawn at random. Look here for "
        "wrong labels, hidden or cut objects, and for what the model finds alike.",
        is_photograph=True,
    ),
    Kind(
        "tokens",
        "draw_tokens",
        _reads_single_layers,
        "figures/{name}.tokens.png",
        "Tokens: what else a layer holds",
        "What layers hold beside objects, measured on single cells of their maps (tokens). Left: the share of the "
        "variance that is in the four channels with the largest mean magnitude. Near 1, distances follow these "
        "channels. Middle: how well a ridge probe reads a token's row and column, in images (videos) that it has not "
        "seen. R2 is 1 where it reads them without error, and 0 or less where it reads nothing. Right: the 99th "
        "percentile of the tokens' norms over their median. It is far above 1 where a few tokens stand out. Dotted "
        "lines: nothing of it. Up to 16 tokens are drawn of each of the first 64 images of a shard. Sums of layers are "
        "left out.",
    ),
    Kind(
        "objects",
        "draw_example_objects",
        _compares_sets,
        "figures/{name}.objects.png",
        "From image to prototype",
        "One object per dataset. First, what the model sees, with the object outlined. Then the cells of the feature "
        "map that count as the object, lighter where they count more. Last, the map where it is kept: its three "
        "principal components as red, green and blue, on one scale along a row. The prototype is the mean of the map "
        "over those cells.",
        is_photograph=True,
    ),
    Kind(
        "agreement_maps",
        "draw_agreement",
        _is_any,
        "figures/{name}.agreement.png",
        "",
        "How alike representations of the same objects are: each cell is a model under one condition beside another. "
        "CKA, from the unbiased HSIC, and RSA compare all pairs of objects; 0 is chance, 1 the same up to rotation and "
        "scale, for RSA up to the order of distances. Mutual kNN is the share of an object's k nearest neighbours that "
        "both have in common; its chance is k over the number of the other objects. CKNNA weighs neighbours in common "
        "by their cosines. Objects are those that all representations have: of more than 1,000, those of whole images, "
        "drawn at random. Each measure has one scale. Crossed out: a representation with nothing to agree with. "
        "Intervals are in results/agreement/, definitions in docs/statistics.md.",
        section="agreements",
    ),
    Kind(
        "agreement_table",
        "draw_agreement",
        _is_any,
        "tables/{name}.agreement.html",
        "What agrees most",
        "Of each two models, the two conditions that agree most, by each measure, with a 95 % interval over images "
        "(videos). That they were chosen as the highest of all pairs is not in it: the value is a best case.",
        section="agreements",
    ),
)


def list_kinds(entry: Config, section: str = "experiments") -> list[Kind]:
    """Return the kinds of figures and tables that an entry of a section has, in the report's order."""
    return [kind for kind in KINDS if kind.section == section and kind.applies(entry)]


def list_experiments(rule: str, experiments: dict[str, Config]) -> list[str]:
    """Return the names of the experiments for which a rule makes figures or tables."""
    return [name for name, entry in experiments.items() if any(kind.rule == rule for kind in list_kinds(entry))]


def list_report_parts(config: Config) -> list[dict[str, Any]]:
    """Return every figure and table of the report, in its order.

    Each is a record of ``study``, ``name`` and ``question`` of what it belongs to (see
    :func:`semlens.config.studies.list_studies`), ``kind``, ``file`` (below the results), ``title``, ``caption`` and
    ``is_photograph``.
    """
    return [
        {
            "study": study["study"],
            "name": study["name"],
            "question": study["entry"]["title"],
            "kind": kind.name,
            "file": kind.file.format(name=study["name"]),
            "title": kind.title,
            "caption": kind.caption.format(
                reference=study["entry"].get("reference"), dunn_index=DUNN_INDEXES.get(study["entry"].get("dunn"))
            ),
            "is_photograph": kind.is_photograph,
        }
        for study in list_studies(config)
        for kind in list_kinds(study["entry"], study["section"])
    ]
