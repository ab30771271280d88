"""Figures for papers and talks, drawn with matplotlib (the extra `figures`), which is imported only when one is made."""
