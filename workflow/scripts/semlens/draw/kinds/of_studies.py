"""The kinds of figures and tables of agreements, searches, multiverses and propagations, in the report's order."""

from semlens.config.schema import Config
from semlens.draw.kinds.kind import Kind


def _is_any(entry: Config) -> bool:
    return True


KINDS = (
    Kind(
        "best_subsets",
        "draw_search",
        _is_any,
        "figures/{name}.search.png",
        "",
        "Separation between images of the best subset of layers of each size, and below, which layers these are; the "
        "highest is on grey. Bars are 95 % intervals, as if no other subset had been tried: the best of many looks "
        "better than it is. Filled marks cannot be told from the model's best, of the subsets that all objects "
        "measured. Diamonds are the honest values: each half of the images (videos) chooses the best subset, or the "
        "best single layer, the other half says what it is worth, and the mean stands at the number of layers that all "
        "images choose. The last is that of all layers on the same halves. Their bars are 95 % intervals for what was "
        "chosen as it is.",
        section="searches",
    ),
    Kind(
        "search_table",
        "draw_search",
        _is_any,
        "tables/{name}.search.html",
        "",
        "What was chosen, and the ten best subsets. Smallest tied: of the subsets that cannot be told from the best, "
        "which are bold, the one of fewest layers. On other images: halves of the images (videos) choose, perhaps "
        "other layers than all do, and the other half says what that is worth. Above the best single layer: the "
        "difference of these values, on the same images.",
        section="searches",
    ),
    Kind(
        "specification_curve",
        "draw_multiverse",
        _is_any,
        "figures/{name}.multiverse.png",
        "",
        "The same question under every combination of choices: each column is one, a specification, by rising "
        "separation. Below the curve are the gaps between the means of neighbours in the expected order, over the "
        "mean of its last set. Dots say which choices a specification is made of, and grey rows how much of the "
        "variance of separation each choice explains. Bars are 95 % intervals over images (videos), those of gaps "
        "for all gaps of a specification at once; hatched is where no class has objects to compare. Colours and "
        "marks are verdicts: of the curve and of the dots on the whole order, of a gap on this gap alone. The line "
        "is the median separation, its band a 95 % interval. The p of the whole curve is the share of block "
        "permutations of the classes, the same through all specifications, whose median separation is at least as "
        "large.",
        section="multiverses",
    ),
    Kind(
        "choices_table",
        "draw_multiverse",
        _is_any,
        "tables/{name}.choices.html",
        "Which choice moves the result most",
        "Of separation, and of each gap over the mean of the last set: the share of the variance between "
        "specifications that a choice explains, without what chance adds, bold where its interval lies above 0. "
        "Interactions are what no choice explains alone. There is no share where specifications differ no more than by "
        "chance. The spread is the difference between the highest and the lowest value, each the mean over its "
        "specifications. Intervals are at 95 %, over images (videos); those of spreads hold for all pairs of values of "
        "a choice at once.",
        section="multiverses",
    ),
    Kind(
        "multiverse_table",
        "draw_multiverse",
        _is_any,
        "tables/{name}.multiverse.html",
        "All specifications together",
        "The median separation over specifications with its 95 % interval, by the jackknife over images (videos), and "
        "in how many specifications separation lies above chance and the expected order has which verdict. Above "
        "chance: its interval lies above 0.5. The last rows compare what the seed moves with what the choice of images "
        "does.",
        section="multiverses",
    ),
    Kind(
        "propagation_scores",
        "draw_propagation",
        _is_any,
        "figures/{name}.propagation.png",
        "",
        "How well masks of a video's first frame are carried into its later frames by the similarity of features. J is "
        "the overlap of carried and true masks (intersection over union), F the agreement of their contours, J&F the "
        "mean of both over objects and frames, the first and the last left out (DAVIS 2017). Bands and bars are 95 % "
        "intervals over videos that hold for all layers and timesteps of a model at once; there are none for one "
        "video. With several timesteps, maps have a cell per layer and timestep. Filled marks, or outlined cells, are "
        "tied with the model's highest: it does not lie significantly above them.",
        section="propagations",
    ),
    Kind(
        "propagation_frames",
        "draw_propagated_frames",
        _is_any,
        "figures/{name}.propagation_frames.png",
        "True and carried masks",
        "Frames of the first video of each dataset, at even distances. Above, the true masks. Below, what each model "
        "carried there from the first frame, with the layers and the timestep that have its highest J&F on these "
        "videos, and the mean J and F of the objects of that frame.",
        is_photograph=True,
        section="propagations",
    ),
    Kind(
        "propagation_table",
        "draw_propagation",
        _is_any,
        "tables/{name}.propagation.html",
        "J and F",
        "J and F as the DAVIS challenge of 2017 reports them: means over objects. Recall is the share of frames above "
        "0.5, decay the mean of the first quarter of the frames less that of the last. J&F has the 95 % interval of "
        "its row alone (t over videos), and is bold where it is tied with the highest.",
        section="propagations",
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
