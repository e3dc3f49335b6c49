"""Tensors of torch as arrays; torch is not imported."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse


def is_tensor(data: Any) -> bool:
    """Whether it is a tensor or a `PackedSequence` of torch."""
    return type(data).__module__.partition(".")[0] == "torch"


def of_tensors(data: Any, where: str) -> Any:
    """Convert tensors, also those in a list, to arrays; return everything else unchanged.

    Parameters
    ----------
    data : object
        A tensor can have a gradient, be on another device, be nested or sparse, or have a type that NumPy
        does not have (bfloat16 becomes float32). A `PackedSequence` becomes a list of its sequences.
    where : str
        Name of the data in messages.

    Returns
    -------
    object
    """
    if isinstance(data, (list, tuple)) and not is_tensor(data):
        if not _has_tensors(data):
            return data
        return [of_tensors(element, f"{where}[{i}]") for i, element in enumerate(data)]
    if not is_tensor(data):
        return data
    if hasattr(data, "batch_sizes"):
        return _of_packed(data, where)
    try:
        if data.is_nested:
            return [of_tensors(part, f"{where}[{i}]") for i, part in enumerate(data.unbind())]
        tensor = data.detach().cpu()
        if not str(tensor.layout).endswith("strided"):
            return _of_sparse(tensor.to_sparse_coo().coalesce())
        return _dense(tensor)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError) as error:
        found = f"{where} is a tensor of {data.dtype} on {data.device} that cannot be read"
        reason = str(error).partition("\n")[0]
        raise TypeError(f"{found} ({reason}); expected one that x.detach().cpu().numpy() takes.") from error


def _has_tensors(data: Any) -> bool:
    """Whether elements of a list are tensors, or elements of its first element if that is a list, too."""
    if any(map(is_tensor, data)):
        return True
    return len(data) > 0 and isinstance(data[0], (list, tuple)) and _has_tensors(data[0])


def _dense(tensor: Any) -> Any:
    if getattr(tensor, "is_quantized", False):
        tensor = tensor.dequantize()
    try:
        return tensor.resolve_conj().resolve_neg().numpy()
    except TypeError:  # NumPy does not have this type
        return tensor.float().numpy()


def _of_sparse(tensor: Any) -> Any:
    """Convert a 2-D tensor in coordinate form to a sparse array, and other tensors to dense arrays."""
    if tensor.dim() != 2 or tensor.sparse_dim() != 2:
        return _dense(tensor.to_dense())
    return sparse.coo_array((_dense(tensor.values()), tuple(tensor.indices().numpy())), shape=tensor.shape)


def _of_packed(packed: Any, where: str) -> list[Any]:
    """Sequences of a `PackedSequence`, in the order before they were sorted."""
    values, sizes = of_tensors(packed.data, where), packed.batch_sizes.numpy()
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    lengths = np.count_nonzero(sizes > np.arange(sizes[0])[:, np.newaxis], axis=1)
    parts = [values[starts[:length] + i] for i, length in enumerate(lengths)]
    if packed.unsorted_indices is None:
        return parts
    return [parts[i] for i in packed.unsorted_indices.tolist()]
