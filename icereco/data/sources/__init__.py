"""Sources: files of any format, found, read and checked, as record batches of the event table."""
