"""One fit over partitions on a dask cluster, which together may be larger than the memory of any machine.

Workers run ordinary tasks only, so dask computes lost results again. The client decides the steps of
full-batch solvers, the order of partitions, and when to stop.
"""

try:
    import dask.delayed  # noqa: F401
    import distributed  # noqa: F401
except ImportError as error:
    raise ImportError(
        f'sklstm.dask needs dask and distributed ({error}): pip install "sklstm[dask]".'
    ) from error

from sklstm.dask._fit import fit

__all__ = ["fit"]
