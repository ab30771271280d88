"""Drawing in character cells: NumPy arrays in, strips of a terminal out; no widgets."""
