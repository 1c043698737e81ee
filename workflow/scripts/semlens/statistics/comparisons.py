"""What separation compares, and what it takes to be measured."""

COMPARISONS = {
    "between": "an object of another class is farther than one of the same class, both in other images (videos)",
    "inside": "an object of another class is farther than one of the same class, both in the object's own image",
    "identity": "another object of its class is farther than the object itself, under a view or in a later frame",
}
MIN_UNITS = 5  # images (videos) with objects of a class, for it to count; with pairs of a set, for an interval
