"""What the operating system provides: files, processes, signals, the machine."""
