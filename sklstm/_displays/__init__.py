"""Pictures, one file per subject; matplotlib is imported when the first is drawn."""
