"""`python -m icereco`."""

from icereco.cli import main

try:
    main()
finally:
    # An interruption inside an `exec` of Python's own, as where a dataclass is made, would otherwise replace the exit
    # status by the signal, even though it was caught: CPython notes it until it next executes a string.
    exec("")
