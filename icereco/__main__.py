"""`python -m icereco`."""

from icereco.cli import main

main()
