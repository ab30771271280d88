"""The terminal app: screens of widgets that show feeds. It reads files of runs and data, and never imports torch."""
