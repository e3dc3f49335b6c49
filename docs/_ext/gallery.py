"""The gallery: which examples run in the build, with which budget, under which heading."""

import shutil
import tomllib
from pathlib import Path

from sklearn.experimental import enable_halving_search_cv  # noqa: F401  examples import what it allows

DOCS = Path(__file__).parents[1]
TABLE = DOCS / "gallery.toml"
THUMBNAILS = Path("figures", "thumbnails")  # in docs: of examples that are not run


class Arguments:
    """The command line of an example in the build."""

    def __init__(self, arguments):
        self.arguments = arguments

    def __call__(self, gallery_conf, script_vars):
        """Arguments of one example."""
        return self.arguments[Path(script_vars["src_file"]).name]

    def __repr__(self):
        return f"Arguments({self.arguments})"


def sections():
    """Sections in their order: dicts with folder, title, text, and examples with their arguments."""
    return tomllib.loads(TABLE.read_text())["section"]


def pages():
    """Page of each example: its document in the site."""
    return {name: f"gallery/{part['folder']}/{name[:-3]}" for part in sections() for name in part["examples"]}


def deferred(text):
    """Code of an example whose one figure is shown where it is finished, at the end."""
    introduction, *cells = text.split("\n# %%\n")
    if text.count(".savefig(") == 1:
        cells[:-1] = [cell + "\n# sphinx_gallery_defer_figures\n" for cell in cells[:-1]]
    return "\n# %%\n".join([introduction, *cells])


def with_picture(text, name):
    """Code of an example that is not run, with a figure of an earlier run, which is also its thumbnail."""
    picture = (THUMBNAILS / name).with_suffix(".png").as_posix()
    if not (DOCS / picture).exists():
        return text
    shown = f"# A figure of an earlier run, which may have been shorter:\n#\n# .. image:: /{picture}\n"
    alt = "#   :alt: Figure of this example\n"
    return f"{text}\n# sphinx_gallery_thumbnail_path = '{picture}'\n\n# %%\n{shown}{alt}"


def settings(source, target):
    """Settings of sphinx-gallery; the examples are copied to where they run, a folder per section."""
    shutil.rmtree(target, ignore_errors=True)
    arguments = {}
    for part in sections():
        folder = target / part["folder"]
        folder.mkdir(parents=True)
        heading = f"{part['title']}\n{'-' * len(part['title'])}\n\n{part['text']}\n"
        (folder / "GALLERY_HEADER.rst").write_text(heading)
        for name, given in part["examples"].items():
            text = deferred((source / name).read_text())
            (folder / name).write_text(with_picture(text, name) if given is False else text)
        arguments |= part["examples"]
    (target / "GALLERY_HEADER.rst").write_text(
        "Gallery\n=======\n\nEach example is a script in the folder ``examples`` that draws one figure. "
        "The experiments of 1997 were run with one trial each. Examples that take minutes, need other "
        "packages, or start processes or limit their memory, were not run for this page; their pictures come "
        "from earlier runs.\n"
    )
    unlisted = {path.name for path in source.glob("*.py")} - set(arguments)
    if unlisted:
        raise ValueError(f"{TABLE.name} does not list {sorted(unlisted)}: give each a section.")
    run = [name for name, given in arguments.items() if given is not False]
    return {
        "examples_dirs": str(target),
        "gallery_dirs": "gallery",
        "subsection_order": Order([part["folder"] for part in sections()]),
        "within_subsection_order": Order([name for part in sections() for name in part["examples"]]),
        "filename_pattern": r"/(?:" + "|".join(name.replace(".", r"\.") for name in run) + ")$",
        "reset_argv": Arguments(arguments),
        "doc_module": ("sklstm",),
        "reference_url": {"sklstm": None},
        "backreferences_dir": "api/backreferences",
        "capture_repr": (),
        "download_all_examples": False,
        "show_signature": False,
        "remove_config_comments": True,
        "plot_gallery": "True",
        "nested_sections": False,
        "write_computation_times": False,
    }


class Order:
    """Key of the order in which names are listed."""

    def __init__(self, names):
        self.names = names

    def __call__(self, name):
        """Place of one name."""
        return self.names.index(Path(name).name)

    def __repr__(self):
        return f"Order({self.names})"
