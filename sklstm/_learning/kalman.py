"""Decoupled extended Kalman filter (Puskorius & Feldkamp 1994): outputs are measurements of the weights."""

import numpy as np
from scipy.linalg import solve_triangular

DECOUPLED = "dekf"  # name of the solver


def groups_of(network):
    """Indices of the incoming weights of each unit: one array per unit, in the order of `weight_shapes`.

    A gate's peepholes are in its group.
    """
    views = network.views(np.arange(network.n_weights))
    groups = []
    for name, rows in views.items():
        if not name.endswith("_peephole"):
            peepholes = views.get(f"{name}_peephole", np.zeros((len(rows), 0), int))
            groups += [np.concatenate(parts) for parts in zip(rows, peepholes, strict=True)]
    return groups


class DecoupledFilter:
    """Covariances of the weights, one matrix per unit, and the update by a measurement.

    Parameters
    ----------
    network : Network
    initial_covariance : float
        Initial value of the diagonals.
    covariance : ndarray of shape (n_covariances,) or None
        Covariances to continue with, as `covariance` returned them.

    Attributes
    ----------
    matrices : ndarray of shape (n_units, size, size)
        Covariances; groups with fewer weights than the largest group are padded with zeros.
    """

    def __init__(self, network, initial_covariance, covariance=None):
        groups = groups_of(network)
        sizes = np.array([len(group) for group in groups])
        self._is_weight = np.arange(sizes.max()) < sizes[:, np.newaxis]
        self._weights = np.concatenate(groups)  # in the order of the groups
        self._columns = np.full(self._is_weight.shape, network.n_weights)  # padding: a column of zeros
        self._columns[self._is_weight] = self._weights
        self._is_pair = self._is_weight[:, :, np.newaxis] & self._is_weight[:, np.newaxis, :]
        self._diagonal = np.eye(self._is_weight.shape[1]) * self._is_weight[:, np.newaxis]
        self.matrices = initial_covariance * self._diagonal
        if covariance is not None:
            self.matrices[self._is_pair] = covariance

    @property
    def covariance(self):
        """All matrices in one vector, without padding."""
        return self.matrices[self._is_pair]

    def update(self, weights, jacobian, errors, measurement_noise, process_noise):
        """Update the weights in place by a measurement.

        With H_i, the derivatives of the outputs with respect to the weights of unit i, one column per output:
        A = (R + sum_i H_i' P_i H_i)^-1, w_i += P_i H_i A (targets - outputs),
        P_i += Q - P_i H_i A H_i' P_i.

        Parameters
        ----------
        weights : ndarray of float64 of shape (n_weights,)
        jacobian : ndarray of shape (n_measured, n_weights)
            Derivatives of the outputs of one or several time steps with respect to the weights.
        errors : ndarray of shape (n_measured,)
            Targets minus outputs.
        measurement_noise : ndarray of shape (n_measured,)
            Diagonal of R.
        process_noise : float
            Diagonal of Q.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a number is not finite, or if R is too small in comparison with rounding errors.
        """
        n_measured, n_units, size = len(errors), len(self.matrices), self.matrices.shape[-1]
        columns = np.zeros((n_measured, len(weights) + 1))
        columns[:, :-1] = jacobian
        H = columns[:, self._columns].transpose(1, 2, 0)
        PH = self.matrices @ H
        flat = PH.reshape(n_units * size, n_measured)
        innovation = H.reshape(n_units * size, n_measured).T @ flat
        innovation[np.diag_indices(n_measured)] += measurement_noise
        root = np.linalg.cholesky(innovation)  # of A^-1
        scaled = solve_triangular(root, flat.T, lower=True, check_finite=False)
        change = scaled.T @ solve_triangular(root, errors, lower=True, check_finite=False)
        weights[self._weights] += change.reshape(n_units, size)[self._is_weight]
        by_unit = scaled.reshape(n_measured, n_units, size).transpose(1, 2, 0)
        matrices = self.matrices
        matrices -= by_unit @ by_unit.transpose(0, 2, 1)
        matrices += process_noise * self._diagonal
        matrices += matrices.transpose(0, 2, 1).copy()  # rounding makes them slightly asymmetric
        matrices *= 0.5
