"""Speed of the public interface over the history of the project, for asv."""
