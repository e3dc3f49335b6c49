"""Padding, alignment and threads: sequences and weights in the form of the compiled kernel."""
