"""Weight, mean and squared deviations of columns; the moments of parts can be added."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklstm._checks import may_overflow


@dataclass(frozen=True)
class Moments:
    """Weight, mean and squared deviations of columns.

    Values are stored in units of the largest value of their column, and weights in units of the largest
    weight, so that numbers of any size do not overflow.

    Attributes
    ----------
    largest : ndarray of shape (n_columns,)
        Largest absolute value.
    weight_unit : float
        Largest weight; 1 if all are 0.
    total : ndarray of shape (n_columns,)
        Sum of the weights.
    mean : ndarray of shape (n_columns,)
    squares : ndarray of shape (n_columns,)
        Weighted sum of the squared deviations from the mean.
    """

    largest: Any
    weight_unit: float
    total: Any
    mean: Any
    squares: Any

    @classmethod
    def of(cls, values, weight):
        """Return the moments of the columns of an array.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_columns)
            Values; 0 where the weight is 0.
        weight : ndarray of shape (n_rows,) or (n_rows, n_columns)
        """
        weight = weight[:, np.newaxis] if weight.ndim == 1 else weight
        largest = np.abs(values).max(axis=0)
        weight_unit = float(weight.max()) or 1.0
        with may_overflow():
            t, w = values / _or_one(largest), weight / weight_unit
            total = np.broadcast_to(w, t.shape).sum(axis=0)
            mean = (w * t).sum(axis=0) / _or_one(total)
            return cls(largest, weight_unit, total, mean, (w * (t - mean) ** 2).sum(axis=0))

    @classmethod
    def of_channels(cls, sequences):
        """Return the moments of the channels over all steps; None if the sequences are sparse."""
        if sequences.is_sparse:
            return None
        values: Any = sequences.values
        with may_overflow():
            mean = values.mean(axis=0, dtype=np.float64)
            squares = len(values) * values.var(axis=0, dtype=np.float64)
        return cls(np.ones(len(mean)), 1.0, np.full(len(mean), float(len(values))), mean, squares)

    @property
    def unit(self):
        """Unit of `mean` and of the root of `squares`."""
        return _or_one(self.largest)

    def __add__(self, other):
        """Return the moments of all rows (Chan, Golub & LeVeque 1983)."""
        largest = np.maximum(self.largest, other.largest)
        weight_unit = max(self.weight_unit, other.weight_unit)
        with may_overflow():
            a, b = self._in_units(largest, weight_unit), other._in_units(largest, weight_unit)
            total = a.total + b.total
            part = b.total / _or_one(total)
            apart = b.mean - a.mean
            squares = a.squares + b.squares + part * a.total * apart**2
            return Moments(largest, weight_unit, total, a.mean + part * apart, squares)

    def _in_units(self, largest, weight_unit):
        values, weights = self.largest / _or_one(largest), self.weight_unit / weight_unit
        squares = self.squares * values**2 * weights
        return Moments(largest, weight_unit, self.total * weights, self.mean * values, squares)

    def scaled(self, mean, scale):
        """Return the moments of (values - mean) / scale."""
        with may_overflow():
            own = np.where(self.total == 0, 0.0, self.mean - mean / self.unit)
            return Moments(self.unit / scale, self.weight_unit, self.total, own, self.squares)

    def squares_about(self, mean):
        """Weighted sum of the squared deviations from another mean, in the same units."""
        return self.squares + self.total * (self.mean - mean) ** 2


def _or_one(numbers):
    """Numbers to divide by, with 1 instead of 0."""
    return np.where(numbers == 0, 1.0, numbers)
