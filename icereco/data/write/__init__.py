"""Event tables written to files."""
