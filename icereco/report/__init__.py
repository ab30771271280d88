"""Reports: what a file of reconstructions, or a training, is worth, in one page."""
