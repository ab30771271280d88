"""Helpers for tests of icereco and of third-party plugins."""
