"""Feeds: follow files and the machine in threads; they know no widgets."""
