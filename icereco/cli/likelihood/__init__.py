"""`icereco likelihood` and its commands."""
