"""The screens of runs: training, launching, comparing."""
