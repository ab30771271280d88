"""Names of methods that are meant where users name none, or name more than one component."""

__all__ = ["HYBRID", "WITHOUT_MODEL"]

WITHOUT_MODEL = "likelihood"
"""The method where there is no model: more accurate than a trained one, and slower."""

HYBRID = "hybrid"
"""That method from the posterior of a model; see `icereco.reconstruction.hybrid`."""
