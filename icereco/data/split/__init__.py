"""Which events train, which validate and which test."""
