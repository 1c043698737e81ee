"""A Sphinx extension that makes the repository's Markdown the pages of a site: its first page, anchors and links."""

import re
from inspect import isfunction
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

CONTENTS = Path(__file__).parent / "site" / "contents.md"
ANCHOR = re.compile(r'<a id="([^"]+)">')


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the site's table of contents to its first page, which is the README."""
    if page == app.config.root_doc:
        app.env.note_dependency(str(CONTENTS))
        source[0] += "\n" + CONTENTS.read_text(encoding="utf-8")


class FindAnchors(SphinxTransform):
    """Let links find anchors that are written in HTML, as on GitHub: ``<a id="word"></a>``."""

    default_priority = 870  # before MyST resolves links within a page

    def apply(self, **kwargs: Any) -> None:
        for node in self.document.findall(nodes.raw):
            for name in ANCHOR.findall(node.astext()):
                self.document.myst_slugs[name] = (node.line, name, name)


class UnlinkFolders(SphinxTransform):
    """Make links to folders of the repository text: a site has none. Links to files are downloads."""

    default_priority = 870

    def apply(self, **kwargs: Any) -> None:
        for node in list(self.document.findall(addnodes.pending_xref)):
            if node["reftype"] == "myst" and node["refdomain"] is None:
                path, _ = self.env.relfn2path(node["reftarget"])
                if Path(self.env.srcdir, path).is_dir():
                    node.replace_self(node.children)


def skip_repeated(app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what "Attributes" of the class has: fields of named tuples, and functions that are fields' defaults."""
    is_field = (getattr(member, "__doc__", None) or "").startswith("Alias for field number")
    is_default = what == "class" and isfunction(member) and member.__name__ != name
    return True if is_field or is_default else None


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", add_contents)
    app.connect("autodoc-skip-member", skip_repeated)
    app.add_transform(FindAnchors)
    app.add_transform(UnlinkFolders)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
