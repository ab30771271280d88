"""Likelihoods of light sources, given the pulses and the silence of the modules of a detector."""
