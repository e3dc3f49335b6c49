"""From data and settings to weights: losses, solvers, epochs, stopping."""
