"""The stream: from stores to shuffled batches that fit a budget."""
