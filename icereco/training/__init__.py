"""Training: the loop, its metrics, its run folder."""
