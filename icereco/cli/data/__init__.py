"""`icereco data`."""
