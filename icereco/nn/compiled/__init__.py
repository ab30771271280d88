"""Attention as machine code, for processors; `attention.py` gives it to torch."""
