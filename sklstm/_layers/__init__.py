"""Layers, directions of time, pooling over steps and dropout: compositions of engines."""
