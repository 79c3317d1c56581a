"""The stream to orchestration: kept up, and made anew after it breaks, under the same worker id."""

import logging
import queue
import random
import threading
import time
import uuid

import grpc
from trinity.orchestration.v1 import worker_pb2 as pb
from trinity.orchestration.v1 import worker_pb2_grpc as rpc

from trinity_worker.desk import Desk
from trinity_worker.settings import Settings
from trinity_worker.token import service_token

LOG = logging.getLogger("trinity")
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
# How often lines of logs go out and the clock is looked at, in seconds.
TICK = 0.1
# After this long an ending that is not recorded is said again.
REPEAT_AFTER = 5.0
# How long a welcome and an answer may take, in seconds.
PATIENCE = 10.0
MAX_MESSAGE_BYTES = 16 << 20


class Outgoing:
    """Messages on their way out; an iterator that ends when the session does."""

    _END = object()

    def __init__(self):
        self._messages = queue.SimpleQueue()

    def say(self, **kind) -> None:
        self._messages.put(pb.ConnectRequest(**kind))

    def close(self) -> None:
        self._messages.put(self._END)

    def __iter__(self):
        return iter(self._messages.get, self._END)


class Link:
    """A worker from its start to its end."""

    def __init__(self, settings: Settings, shutdown: threading.Event):
        self._settings = settings
        self._worker_id = str(uuid.uuid4())
        self._drain_until = None
        self.shutdown = shutdown
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.enable_http_proxy", 0),
        ]
        self._stub = rpc.WorkerServiceStub(grpc.insecure_channel(settings.orchestration, options=options))
        self.desk = Desk(settings, self._reveal)

    def keep(self) -> None:
        """Works until the word to stop, and then until the desk is clear or the drain is over."""
        pause = FIRST_PAUSE
        while not self.is_over():
            welcomed = self._session()
            if self.is_over():
                break
            pause = FIRST_PAUSE if welcomed else pause
            # Why by chance: workers that lost the same connection should not come back at once.
            self.shutdown.wait(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE)
        self.desk.stop()
        LOG.info("stopped")

    def is_over(self) -> bool:
        """Whether the word to stop was said, and nothing is left to do or no time to do it."""
        if not self.shutdown.is_set():
            return False
        if self._drain_until is None:
            self._drain_until = time.monotonic() + self._settings.drain_seconds
        return self.desk.is_clear() or time.monotonic() >= self._drain_until

    def hello(self, slots: int):
        """Who the worker is, with what it holds."""
        labels, running = self._settings.labels, self.desk.held()
        return pb.Hello(
            worker_id=self._worker_id, name=self._settings.name, slots=slots, labels=labels, running=running
        )

    def _session(self) -> bool:
        """One connection from Hello to its end: whether orchestration had said welcome."""
        out = Outgoing()
        out.say(hello=self.hello(self._settings.slots))
        call = self._stub.Connect(iter(out), metadata=self._metadata())
        beat = Beat(self, out, call)
        beat.start()
        try:
            for message in call:
                self._take(message, beat)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.CANCELLED:
                LOG.warning("no connection to orchestration: %s %s", error.code().name, error.details())
        finally:
            beat.stop()
            out.close()
        return beat.welcomed.is_set()

    def _take(self, message, beat: "Beat") -> None:
        kind = message.WhichOneof("kind")
        if kind == "welcome":
            LOG.info("connected to orchestration as %s", self._worker_id)
            beat.welcome(message.welcome.heartbeat_ms / 1000)
        elif kind == "assignment" and not self.shutdown.is_set():
            for task in message.assignment.tasks:
                self.desk.start(task)
        elif kind == "cancel":
            self.desk.cancel(message.cancel.task)
        elif kind == "recorded":
            self.desk.recorded(message.recorded.tasks)

    def _metadata(self):
        return [("authorization", f"Bearer {service_token(self._settings.service_key)}")]

    def _reveal(self, task, names):
        request = pb.RevealSecretsRequest(task=task, names=names)
        return dict(self._stub.RevealSecrets(request, timeout=PATIENCE, metadata=self._metadata()).values)


class Beat(threading.Thread):
    """What a connection says by the clock: log lines, endings, heartbeats, and the farewell."""

    def __init__(self, link: Link, out: Outgoing, call):
        super().__init__(daemon=True)
        self._link, self._out, self._call = link, out, call
        self._interval = 2.0
        self._stopped = threading.Event()
        self._said_farewell = False
        self.welcomed = threading.Event()

    def welcome(self, interval: float) -> None:
        """From now on the connection may be spoken on."""
        self._interval = max(interval, 0.01)
        self.welcomed.set()

    def stop(self) -> None:
        """Ends it; returns when nothing more is said."""
        self._stopped.set()
        self.join()

    def run(self) -> None:
        deadline = time.monotonic() + PATIENCE
        next_beat, age = 0.0, 0.0
        while not self._stopped.is_set():
            if self._link.is_over() or (not self.welcomed.is_set() and time.monotonic() > deadline):
                self._call.cancel()
                return
            if self.welcomed.is_set():
                self._speak(age)
                age = REPEAT_AFTER
                if time.monotonic() >= next_beat:
                    self._out.say(heartbeat=pb.Heartbeat(running=self._link.desk.held()))
                    next_beat = time.monotonic() + self._interval
            self._link.desk.changed.wait(min(TICK, self._interval))

    def _speak(self, age: float) -> None:
        desk = self._link.desk
        desk.changed.clear()
        # Endings first, to be said last: lines of an ended attempt are not taken any more.
        endings = desk.unsaid(age)
        for log in desk.take_logs():
            self._out.say(log=log)
        for ending in endings:
            self._out.say(**ending)
        if self._link.shutdown.is_set() and not self._said_farewell:
            self._said_farewell = True
            self._out.say(hello=self._link.hello(0))
