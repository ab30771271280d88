"""Jobs for the tests of executors, in a module that their processes can import."""

import os
import signal
import time

from icereco.errors import IcerecoError
from icereco.system.work.executor import Job


def _begin():
    return _work


def _work(unit, report):
    kind, value = unit
    if kind == "refused":
        raise IcerecoError(f"{value} is refused")
    if kind == "broken":
        raise ZeroDivisionError(value)
    if kind == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "slow":
        report(os.getpid())
        time.sleep(value)
    if kind == "large":
        report(os.getpid())
        value = bytes(value)
    return kind, value, os.getpid()


def _name(unit):
    return f"unit {unit[1]}"


JOB = Job("units", _begin, _name, "worker of this test", "try again")
