"""Events in memory: batches, their truth, their reconstructions."""
