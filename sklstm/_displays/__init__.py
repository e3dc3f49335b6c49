"""Figures, one file per subject; matplotlib is imported when the first figure is drawn."""
