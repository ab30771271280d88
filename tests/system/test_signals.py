"""An interruption is not lost, whatever Python does when it comes."""

import signal
import time
import weakref

import pytest

from icereco.system.signals import interrupted_by_signals


class Watched:
    """Something whose end can be watched."""


def let_go(watched):
    watched.clear()
    time.sleep(60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_that_a_callback_swallows_comes_again(number):
    watched = [Watched()]
    watch = weakref.ref(watched[0], lambda _: signal.raise_signal(number))
    with pytest.raises(KeyboardInterrupt), interrupted_by_signals():
        let_go(watched)
    assert watch() is None
