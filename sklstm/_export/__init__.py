"""Export of models to ONNX, and conversion to and from torch and Keras."""

from sklstm._export.keras import from_keras, to_keras
from sklstm._export.onnx import to_onnx
from sklstm._export.torch import from_torch, to_torch

__all__ = ["from_keras", "from_torch", "to_keras", "to_onnx", "to_torch"]
