"""Makes results in threads, ahead of the loop that uses them."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ordered", "prefetch"]

Item = TypeVar("Item")
Made = TypeVar("Made")


class _End:
    """The last item of the thread: that it is done, or what went wrong."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetch(items: Iterable[Item], depth: int) -> Iterator[Item]:
    """The same items, made up to `depth` ahead by a background thread.

    The thread ends when the items do, when the iterator is closed or forgotten, and with the process. What goes
    wrong in it is raised here.
    """
    ready: queue.Queue[Item | _End] = queue.Queue(maxsize=max(depth, 1))
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=(items, ready, stop), name="icereco-prefetch", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        thread.join()


def ordered(items: Iterable[Item], make: Callable[[Item], Made], workers: int) -> Iterator[Made]:
    """`make` of each item, in their order, made by several threads, each of which has one result waiting at most."""
    if workers == 1:
        yield from map(make, items)
        return
    with ThreadPoolExecutor(workers, "icereco-load") as pool:
        waiting: deque[Future[Made]] = deque()
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) >= workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _work(items: Iterable[Item], ready: "queue.Queue[Item | _End]", stop: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            if not _put(item, ready, stop):
                return
    except BaseException as raised:  # is raised again in the consumer's thread
        error = raised
    _put(_End(error), ready, stop)


def _put(item: "Item | _End", ready: "queue.Queue[Item | _End]", stop: threading.Event) -> bool:
    """Put an item as soon as there is room; False if the consumer has stopped."""
    while not stop.is_set():
        try:
            ready.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
