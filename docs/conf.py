"""The documentation site: `make docs`."""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import sklstm

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
import gallery  # of docs/_ext

project = "sklstm"
author = "the sklstm developers"
copyright = f"2026, {author}"
version = release = sklstm.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # of docs/_ext
    "links",
    "messages",
    "parameter_groups",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "**/GALLERY_HEADER.rst", "**/sg_execution_times.rst", "sg_execution_times.rst"]
default_role = "literal"  # `name` in docstrings

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
suppress_warnings = [
    "config.cache",  # functions in the settings of the gallery
    "myst.strikethrough",
]

autosummary_generate = True
autodoc_typehints = "none"  # docstrings have the types
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "pydata_sphinx_theme"
html_title = f"sklstm {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": []}
toc_object_entries_show_parents = "hide"  # "fit()" is short enough for the side
html_context = {"default_mode": "auto"}

# MathJax is part of the site: mathematics needs no other server.
mathjax_path = "mathjax/tex-mml-chtml.js"
linkcheck_anchors = False

sphinx_gallery_conf = gallery.settings(HERE.parent / "examples", HERE / "_build" / "examples")


def copy_mathjax(app):
    """MathJax and its fonts into the static files of the site."""
    if app.builder.format != "html":
        return
    source = Path(find_spec("mathjax").submodule_search_locations[0], "static", "mathjax", "es5")
    target = Path(app.outdir, "_static", "mathjax")
    fonts = Path("output", "chtml", "fonts", "woff-v2")
    shutil.copytree(source / fonts, target / fonts, dirs_exist_ok=True)
    shutil.copy2(source / "tex-mml-chtml.js", target)


def skip_inherited(app, what, name, obj, skip, options):
    """Members that scikit-learn documents: `get_params`, `set_output`, requests of metadata."""
    module = getattr(obj, "__module__", None) or ""
    return True if module.startswith("sklearn.") or name.endswith("_request") else None


def setup(app):
    """Connect what is of this site alone."""
    app.connect("autodoc-skip-member", skip_inherited)
    app.connect("builder-inited", copy_mathjax)
