"""What pictures are drawn with: cells of characters, colours, cameras, axes."""
