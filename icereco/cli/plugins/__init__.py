"""`icereco plugins`."""
