"""Starts the worker and stops it at SIGTERM."""

import logging
import multiprocessing
import signal
import sys
import threading

from trinity_worker.settings import Settings


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        settings = Settings.from_environment()
    except ValueError as error:
        print(f"trinity-python-worker: {error}", file=sys.stderr)
        return 1
    # Why: an attempt's process comes from a small server that has its libraries loaded, not from this process, whose
    # gRPC threads do not survive a fork. It is started before there are any.
    multiprocessing.set_start_method("forkserver")
    multiprocessing.set_forkserver_preload(["trinity_worker.attempt"])
    from trinity_worker.link import Link

    shutdown = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: shutdown.set())
    Link(settings, shutdown).keep()
    return 0


if __name__ == "__main__":
    sys.exit(main())
