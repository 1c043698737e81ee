"""A Sphinx extension that draws the Mermaid graphs of the pages, which GitHub draws itself: as SVG, without a script.

It knows what the pages have: ``graph TD`` and chains of names, ``a --> b --> c``. Nodes stand in rows, each below all
that it comes from. Long edges pass through places in the rows between. The order in a row, and then the place, follow
the neighbours in the rows above and below, up and down in turn (Sugiyama's method).
"""

import re
from collections import defaultdict
from html import escape
from itertools import pairwise
from statistics import mean
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

SWEEPS = 40
# In pixels: the width of a letter, the margin beside a name, between nodes, from row to row, the height of a box.
LETTER, MARGIN, GAP, ROW, HEIGHT = 7.2, 9, 14, 62, 26

Edge = tuple[Any, Any]


class Layout(NamedTuple):
    """Rows of nodes from top to bottom, and edges between neighbouring rows; a place on an edge is a tuple."""

    rows: list[list[Any]]
    edges: list[Edge]
    x: dict[Any, float]


def read_edges(graph: str) -> list[tuple[str, str]]:
    """Return the edges of a graph.

    Raises
    ------
    ValueError
        If a line is not a chain of names.
    """
    first, *lines = graph.strip().splitlines()
    if first != "graph TD" or not all(re.fullmatch(r"\s*\w+( --> \w+)+", line) for line in lines):
        raise ValueError("docs/site_graph.py draws only 'graph TD' with chains such as 'a --> b --> c'")
    return list(dict.fromkeys(pair for line in lines for pair in pairwise(re.findall(r"\w+", line))))


def lay_out(edges: list[tuple[str, str]]) -> Layout:
    """Return where nodes stand."""
    row_of = _find_rows(edges)
    rows: list[list[Any]] = [[] for _ in range(max(row_of.values()) + 1)]
    for node, row in row_of.items():
        rows[row].append(node)
    short: list[Edge] = []
    for start, end in edges:
        between = [(start, end, row) for row in range(row_of[start] + 1, row_of[end])]
        for place in between:
            rows[place[2]].append(place)
        short += pairwise([start, *between, end])
    above, below = defaultdict(list), defaultdict(list)
    for start, end in short:
        above[end].append(start)
        below[start].append(end)
    x = {node: float(place) for row in rows for place, node in enumerate(row)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        near = above if down else below
        for row in rows if down else rows[::-1]:
            wanted = {node: mean([x[other] for other in near[node]] or [x[node]]) for node in row}
            row.sort(key=wanted.get)
            x |= _spread(row, wanted)
    left = min(x[node] - measure_width(node) / 2 for node in x)
    return Layout(rows, short, {node: value - left for node, value in x.items()})


def _find_rows(edges: list[tuple[str, str]]) -> dict[str, int]:
    """Return each node's row: below all that it comes from; without such, just above what it leads to."""
    above, below = defaultdict(list), defaultdict(list)
    for start, end in edges:
        above[end].append(start)
        below[start].append(end)
    row_of = dict.fromkeys([node for edge in edges for node in edge], 0)
    for _ in row_of:
        row_of = {node: max((row_of[other] + 1 for other in above[node]), default=0) for node in row_of}
    first = {node: min(row_of[other] for other in below[node]) - 1 for node in row_of if not above[node]}
    return row_of | first


def _spread(row: list[Any], wanted: dict[Any, float]) -> dict[Any, float]:
    """Return places near the wanted ones, in this order and without overlap: neighbours that collide share the way."""
    blocks: list[tuple[float, list[tuple[Any, float]]]] = []  # left end; nodes with their distance from it
    for node in row:
        start, members = wanted[node], [(node, 0.0)]
        while blocks:
            left, before = blocks[-1]
            last, end = before[-1]
            width = end + _keep_apart(last, members[0][0])
            if left + width <= start:
                break
            blocks.pop()
            members = [*before, *((node, offset + width) for node, offset in members)]
            start = mean(wanted[node] - offset for node, offset in members)
        blocks.append((start, members))
    return {node: start + offset for start, members in blocks for node, offset in members}


def _keep_apart(left: Any, right: Any) -> float:
    return (measure_width(left) + measure_width(right)) / 2 + GAP


def measure_width(node: Any) -> float:
    """Return the width of a node's box; a place on an edge has none."""
    return LETTER * len(node) + 2 * MARGIN if isinstance(node, str) else 0


def draw_graph(graph: str) -> str:
    """Return a graph as SVG. Its colours are those of the text around it."""
    rows, edges, x = lay_out(read_edges(graph))
    y = {node: ROW * number + HEIGHT / 2 + 1 for number, row in enumerate(rows) for node in row}
    width = max(x[node] + measure_width(node) / 2 for node in x) + 2
    parts = []
    for start, end in edges:
        top = y[start] + (HEIGHT / 2 if isinstance(start, str) else 0)
        bottom = y[end] - (HEIGHT / 2 + 5 if isinstance(end, str) else 0)
        middle, arrow = (top + bottom) / 2, ' marker-end="url(#arrow)"' if isinstance(end, str) else ""
        parts.append(
            f'<path d="M{x[start]:.0f} {top:.0f}C{x[start]:.0f} {middle:.0f} {x[end]:.0f} {middle:.0f} '
            f'{x[end]:.0f} {bottom:.0f}"{arrow}/>'
        )
    for node in filter(lambda node: isinstance(node, str), x):
        box = measure_width(node)
        parts.append(
            f'<rect x="{x[node] - box / 2:.0f}" y="{y[node] - HEIGHT / 2:.0f}" width="{box:.0f}" height="{HEIGHT}" '
            f'rx="4"/><text x="{x[node]:.0f}" y="{y[node] + 4:.0f}">{escape(node)}</text>'
        )
    return (
        f'<div class="graph"><svg viewBox="0 0 {width:.0f} {ROW * len(rows) - ROW + HEIGHT + 2}" role="img" '
        f'aria-label="Graph of {sum(isinstance(node, str) for node in x)} rules; each arrow leads from a rule to one '
        f'that reads its files"><defs><marker id="arrow" viewBox="0 0 6 6" refX="1" refY="3" markerWidth="6" '
        f'markerHeight="6" orient="auto"><path d="M0 0L6 3L0 6z"/></marker></defs>{"".join(parts)}</svg></div>'
    )


class DrawGraphs(SphinxTransform):
    """Put the drawing in the place of the code."""

    default_priority = 200

    def apply(self, **kwargs: Any) -> None:
        for node in list(self.document.findall(nodes.literal_block)):
            if node.get("language") == "mermaid":
                node.replace_self(nodes.raw("", draw_graph(node.astext()), format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(DrawGraphs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
