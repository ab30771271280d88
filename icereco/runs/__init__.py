"""A run is a folder: what lies in it, and who may write there."""
