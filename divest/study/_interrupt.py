"""Ctrl-C lets running chunks finish for a moment, so that their rows are kept."""

from __future__ import annotations

import _thread
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Timer, current_thread, main_thread

PATIENCE = 5.0  # seconds


@contextmanager
def gentle_interrupts() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether to stop; a second Ctrl-C, or 5 s, stops at once."""
    ours = current_thread() is main_thread()
    before = signal.getsignal(signal.SIGINT) if ours else None
    if before is not signal.default_int_handler:
        yield lambda: False
        return
    stop = Event()
    timer = Timer(PATIENCE, _interrupt_main)
    timer.daemon = True

    def first(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)
        timer.start()

    signal.signal(signal.SIGINT, first)
    try:
        yield stop.is_set
    finally:
        signal.signal(signal.SIGINT, before)
        timer.cancel()


def _interrupt_main() -> None:
    """Ctrl-C for the main thread, also where it waits for something, if the system can do that."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
