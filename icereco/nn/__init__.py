"""Layers over ragged sequences, for the components of any plugin."""
