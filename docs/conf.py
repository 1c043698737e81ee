"""The site: every Markdown page of the repository as it is, with a reference of schema and library. See make site.

The source folder is the repository, so that a link between pages means here what it means on GitHub.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESOURCES = ["resources/demo", "resources/published"]
# What a run fetches: large, and not to be searched for pages.
DOWNLOADS = sorted({path.relative_to(ROOT).as_posix() for path in ROOT.glob("resources/*")} - set(RESOURCES))
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "workflow" / "scripts")]

from semlens.runtime.version import VERSION  # noqa: E402, it is found beside this file

project = html_title = "semlens"
author = "the semlens authors"
version = release = VERSION

root_doc = "README"
include_patterns = ["*.md", *(f"{folder}/README.md" for folder in ("config", "benchmarks", *RESOURCES)), "docs/**"]
exclude_patterns = [".*", "build", "docs/site", "results", "tests", "workflow", *DOWNLOADS]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "site_graph", "site_pages", "site_schema"]

# Markdown is GitHub's, but for a few directives on pages that only the site has.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the tutorial keeps its output; a test executes it
highlight_language = "text"

autodoc_member_order = "bysource"
napoleon_attr_annotations = False  # the signature of the class has them
autodoc_mock_imports = ["diffusers", "seaborn", "torch", "transformers"]  # slow to import
napoleon_use_rtype = False  # what is returned is described in words, which are no names of classes
nitpicky = True
# No other project's index is downloaded for a build, so its classes are not links.
nitpick_ignore_regex = [
    ("py:data", r"semlens\..*\.[A-Z_]+"),  # contracts: docs/data.md has them
    (
        "py:class",
        r"(collections|concurrent|contextlib|pathlib|types|numpy|pandas|pandera|pyarrow|h5py|PIL|matplotlib|torch)\..*",
    ),
    ("py:class", r"(Path|np\.ndarray|semlens\.runtime\.ahead\.T)"),  # of annotations that are text, or any type
]

html_theme = "furo"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_extra_path = ["site/index.html"]
html_copy_source = False
html_show_copyright = html_show_sphinx = False
html_theme_options = {"footer_icons": []}
