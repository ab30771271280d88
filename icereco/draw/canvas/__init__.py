"""The means of drawing pictures: cells of characters, colours, cameras and axes."""
