"""The terminal app: screens over widgets over feeds. It only reads files, and never imports torch by itself."""
