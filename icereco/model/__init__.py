"""The model: its assembly, its precision, its checkpoints."""
