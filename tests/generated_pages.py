"""The scripts of the generated pages, which stand beside each other in tools/pages."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "tools" / "pages"


def script_of_pages(name):
    """Module of this name, with the one that all of them import."""
    pytest.importorskip("matplotlib")
    sys.path.insert(0, str(FOLDER))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(FOLDER))
