"""Files in, reconstructions out."""
