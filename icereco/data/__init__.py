"""Data: event tables, the store they are prepared into, and the stream of batches out of it."""
