"""Runs as folders: their contents, their lock, their status and their orders."""
