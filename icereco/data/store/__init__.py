"""The event store: prepared events in memory-mapped shards."""
