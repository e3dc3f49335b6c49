"""Settings of the whole suite."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")  # figures without a screen

import hypothesis

import sklstm

# No deadline: a slow machine is not a failure. The blob reproduces a failing example.
hypothesis.settings.register_profile("sklstm", deadline=None, print_blob=True)
hypothesis.settings.load_profile("sklstm")


def pytest_report_header():
    """Say which build is tested."""
    return f"sklstm {sklstm.__version__}: {sklstm.__file__}"
