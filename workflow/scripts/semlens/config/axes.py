"""The axes along which an experiment may vary: one row each, read by the schema, the plan, figures and findings."""

from dataclasses import dataclass
from typing import Any

from semlens.images.original import ORIGINAL


@dataclass(frozen=True)
class Axis:
    """What varies in an experiment.

    Attributes
    ----------
    name
        As the configuration has it.
    noun
        As a question has it.
    label
        As a figure's axis has it.
    heading
        A condition's title in figures and tables; ``{}`` is its name.
    default
        The value where another axis varies; None where every experiment names it, or where it does not apply.
    changes_features
        Whether conditions compare different features, so that each has feature maps of its own to show.
    shares_scale
        Whether distances under different conditions can be drawn on one scale.
    varies
        The axes that vary at once, each value of one with each of the other; none where the axis is one of its own.
    """

    name: str
    noun: str
    label: str
    heading: str = "{}"
    default: Any = None
    changes_features: bool = True
    shares_scale: bool = True
    varies: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The keys of an experiment that its conditions take the place of."""
        return self.varies or (self.name,)

    def format_heading(self, condition: str) -> str:
        """Return the title of a condition."""
        return self.heading.format(condition.replace("_", " "))


AXES = {
    axis.name: axis
    for axis in (
        Axis("metric", "metric", "metric", default="correlation", changes_features=False, shares_scale=False),
        Axis("layers", "layer", "layer"),
        Axis("timestep", "timestep of noise", "noise: timestep", heading="t = {}", default=0),
        Axis("view", "view", "view", default=ORIGINAL),
        Axis("offset", "offset", "offset (frames)", heading="+{}", changes_features=False),
        Axis("grid", "layer and timestep of noise", "layer and noise", varies=("layers", "timestep")),
    )
}
SINGLE_AXES = tuple(name for name, axis in AXES.items() if not axis.varies)

FOREIGN = "does not apply"  # a setting of a question that is nothing to a model's family
