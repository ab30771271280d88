"""Followers of files that grow. No widgets."""
