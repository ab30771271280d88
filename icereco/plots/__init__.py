"""Figures for papers and talks, drawn with matplotlib, which is imported only when one is made."""
