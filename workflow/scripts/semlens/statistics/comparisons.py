"""What separation compares, and what it takes to be measured.

``between``: classes, of objects in other images (videos). ``inside``: classes, of objects in one image. ``identity``:
an object under a view or in a later frame, against others of its class.
"""

COMPARISONS = ("between", "inside", "identity")
MIN_UNITS = 5  # images (videos) with objects of a class, for it to count; with pairs of a set, for an interval
