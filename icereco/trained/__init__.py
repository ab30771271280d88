"""Trained models by name: those that come with icereco, and the user's own."""
