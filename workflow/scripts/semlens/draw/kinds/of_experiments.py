"""The kinds of figures and tables of experiments, in the report's order."""

from semlens.config.axes import AXES, SINGLE_AXES
from semlens.config.plan import compares_classes, list_conditions, tracks_instance
from semlens.config.schema import Config
from semlens.draw.kinds.kind import Kind
from semlens.images.original import ORIGINAL
from semlens.models.layers import find_forward_position


def _compares_sets(experiment: Config) -> bool:
    return not tracks_instance(experiment) and not _has_grid(experiment)


def _has_grid(experiment: Config) -> bool:
    return experiment["axis"] not in SINGLE_AXES


def _has_boxes(experiment: Config) -> bool:
    return _compares_sets(experiment) and not _has_curves(experiment)


def _has_curves(experiment: Config) -> bool:
    return _compares_sets(experiment) and experiment["axis"] == "offset"


def _compares_features(experiment: Config) -> bool:
    return _compares_sets(experiment) and AXES[experiment["axis"]].changes_features


def _asks_tasks(experiment: Config) -> bool:
    return bool(experiment["tasks"]) and not _has_grid(experiment)


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
        "means have it. Where views change one set alone, bands span the quartiles of the others, with their medians. "
        "With the key across they change scsi and dcsi too, which then compare an object with others of its "
        "transformed image.",
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
        "heat_maps",
        "draw_heat_maps",
        _has_grid,
        "figures/{name}.png",
        "",
        "Separation by layer and timestep of noise, a row per dataset and model; and what features are good for, where "
        "tasks are asked. Outlined: the conditions that cannot "
        "be told from the best of their map, at 95 %, of all its layers and timesteps at once. Maps of one column "
        "share a scale. Layers stand in forward order, sums of layers first.",
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
        "least five images (videos).",
    ),
    Kind(
        "tasks",
        "draw_tasks",
        _asks_tasks,
        "figures/{name}.tasks.png",
        "What features are good for",
        "Of each task its main measure. Retrieval: mean average precision, among the objects of other images "
        "(videos). Vote: how often the 20 nearest by cosine, in other images, vote for an object's class. Probe: how "
        "often it is told by a logistic regression that was trained on other images. Clustering: adjusted mutual "
        "information with the classes of k-means of all objects; nothing is held apart. Re-identification: how often "
        "the nearest of all objects under a view, or in a later frame, its own image's among them, is the object "
        "itself; and how often the nearest in other images is of its class. Bands and bars are 95 % intervals that "
        "hold for all conditions of a model at once; of clustering, for the clusters as they are. A condition without "
        "one has no known error. Filled marks are tied with the model's highest condition. Dotted: what chance gives.",
    ),
    Kind(
        "tasks_table",
        "draw_tasks",
        _asks_tasks,
        "tables/{name}.tasks.html",
        "",
        "Every measure with its 95 % interval, and what chance gives; bold where it is tied with the highest "
        "condition. p: of block permutations of the classes, adjusted for the number of conditions; of the probe, it "
        "is that of a probe whose strength is not chosen. The identity of objects has no test: an image is always "
        "like itself.",
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
)
