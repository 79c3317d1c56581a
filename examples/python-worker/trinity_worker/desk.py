"""What is under way, and what is finished but not recorded yet.

A task that was taken stays here until orchestration says that its result is recorded, so that a lost connection loses
nothing. Both count as running when leases are kept.
"""

import json
import multiprocessing
import threading
import time

import grpc
from trinity.common.v1 import json_pb2
from trinity.orchestration.v1 import run_pb2
from trinity.orchestration.v1 import worker_pb2 as pb

from trinity_worker import attempt
from trinity_worker.settings import Settings

# Lines of one message at the most, and lines that wait at the most.
LINES_PER_MESSAGE, WAITING_LINES = 500, 10_000
MAX_RESULT_BYTES = 1 << 20
# How long a cancelled attempt may take to clean up before it is killed, in seconds.
CANCEL_GRACE = 0.5
HIDDEN = "•••"


def key_of(task) -> tuple:
    """A task in one of its attempts."""
    return (task.task_id, task.attempt)


class Running:
    """An attempt under way: its process, and the wish to end it."""

    def __init__(self, assigned):
        self.assigned = assigned
        self.cancelled = threading.Event()


class Desk:
    """The worker's tasks. Every method may be called from any thread."""

    def __init__(self, settings: Settings, reveal):
        self._settings, self._reveal = settings, reveal
        self._lock = threading.Lock()
        self._running = {}
        # By task: the ending, and when it was last said; None before.
        self._finished = {}
        self._lines = []
        # Set when there is something to say.
        self.changed = threading.Event()

    def start(self, assigned) -> None:
        """Starts a task; a repeated assignment of a known attempt has its result said again."""
        key = key_of(assigned.task)
        with self._lock:
            if key in self._finished:
                self._finished[key] = (self._finished[key][0], None)
                self.changed.set()
                return
            if key in self._running:
                return
            # Orchestration gave an earlier attempt up; its result would be thrown away.
            for other, running in self._running.items():
                if other[0] == key[0] and other[1] < key[1]:
                    running.cancelled.set()
            running = self._running[key] = Running(assigned)
        threading.Thread(target=self._see_through, args=(key, running), daemon=True).start()

    def cancel(self, task) -> None:
        """Asks a task to stop; its end comes as any other."""
        with self._lock:
            running = self._running.get(key_of(task))
        if running:
            running.cancelled.set()

    def recorded(self, tasks) -> None:
        """Forgets results that are recorded."""
        with self._lock:
            for task in tasks:
                self._finished.pop(key_of(task), None)

    def held(self) -> list:
        """Every task whose lease is to be kept."""
        with self._lock:
            running = [running.assigned.task for running in self._running.values()]
            return running + [_task_of(ending) for ending, _ in self._finished.values()]

    def is_clear(self) -> bool:
        with self._lock:
            return not self._running and not self._finished

    def unsaid(self, age: float) -> list:
        """Endings that were not said yet, or are not recorded after this many seconds."""
        now, found = time.monotonic(), []
        with self._lock:
            for key, (ending, said_at) in self._finished.items():
                if said_at is None or now - said_at >= age:
                    self._finished[key] = (ending, now)
                    found.append(ending)
        return found

    def take_logs(self) -> list:
        """Everything that tasks said since the last time."""
        with self._lock:
            lines, self._lines = self._lines, []
        messages = []
        for task, line in lines:
            last = messages[-1] if messages else None
            if last is None or last.task != task or len(last.lines) >= LINES_PER_MESSAGE:
                last = pb.TaskLog(task=task)
                messages.append(last)
            last.lines.append(line)
        return messages

    def stop(self) -> None:
        """Ends what still runs; another worker takes it up when its lease ends."""
        with self._lock:
            for running in self._running.values():
                running.cancelled.set()

    def _see_through(self, key, running: Running) -> None:
        try:
            ending = self._work(running)
        except Exception as error:  # a fault of this worker, not of the task
            ending = failed(running.assigned.task, "INTERNAL", f"the worker failed: {error}", True)
        with self._lock:
            del self._running[key]
            self._finished[key] = (ending, None)
        self.changed.set()

    def _work(self, running: Running) -> dict:
        assigned = running.assigned
        try:
            secrets = self._reveal(assigned.task, assigned.secrets) if assigned.secrets else {}
        except grpc.RpcError as error:
            return failed(assigned.task, "SECRETS_UNAVAILABLE", f"the secrets could not be opened: {error.details()}", True)
        missing = [name for name in assigned.secrets if name not in secrets]
        if missing:
            return failed(assigned.task, "SECRET_MISSING", f"there is no variable {', '.join(missing)}", False)
        ending = self._in_process(running, secrets)
        if ending.get("failed"):
            ending["failed"].message = hide(ending["failed"].message, secrets)
        return ending

    def _in_process(self, running: Running, secrets: dict) -> dict:
        """Runs an attempt in a process of its own, within its time, and kills it when it is cancelled."""
        assigned = running.assigned
        context = multiprocessing.get_context()
        ours, theirs = context.Pipe()
        work = attempt.Work.of(assigned, self._settings, secrets)
        process = context.Process(target=attempt.main, args=(work, theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            return self._listen(running, process, ours, secrets)
        finally:
            process.kill()
            process.join()
            ours.close()

    def _listen(self, running: Running, process, pipe, secrets: dict) -> dict:
        task, limit = running.assigned.task, running.assigned.timeout_ms / 1000
        begun = time.monotonic()
        while True:
            if running.cancelled.is_set():
                return self._end(process, task, "CANCELLED", "cancelled", False)
            if limit and time.monotonic() - begun > limit:
                return self._end(process, task, "TASK_TIMEOUT", f"not done within {running.assigned.timeout_ms} ms", True)
            if not pipe.poll(0.05):
                continue
            try:
                kind, told = pipe.recv()
            except EOFError:
                process.join(1)
                return failed(task, "ATOM_CRASHED", f"the process of the handler ended ({process.exitcode})", True)
            if kind == "log":
                level, message = told
                self._say(task, level, hide(message, secrets))
            elif kind == "done":
                return {"completed": completed(task, told)}
            else:
                code, message, retryable = told
                return failed(task, code, message, retryable)

    def _end(self, process, task, code: str, message: str, retryable: bool) -> dict:
        process.terminate()
        process.join(CANCEL_GRACE)
        return failed(task, code, message, retryable)

    def _say(self, task, level: str, message: str) -> None:
        line = pb.TaskLogLine(at_ms=int(time.time() * 1000), level=level, message=message[:4000])
        with self._lock:
            if len(self._lines) < WAITING_LINES:
                self._lines.append((task, line))
        self.changed.set()


def hide(text: str, secrets: dict) -> str:
    """A text without the values of secrets."""
    for value in sorted(secrets.values(), key=len, reverse=True):
        if len(value) >= 4:
            text = text.replace(value, HIDDEN)
    return text


def failed(task, code: str, message: str, retryable: bool) -> dict:
    """An ending as the stream takes it."""
    return {"failed": pb.TaskFailed(task=task, code=code, message=message[:2000], retryable=retryable)}


def completed(task, done: dict):
    """The message of a good ending."""
    result = json.dumps(done["result"])
    if len(result) > MAX_RESULT_BYTES:
        result = json.dumps({"too_large": True, "size_bytes": len(result)})
    return pb.TaskCompleted(
        task=task,
        rows_in=done["rows_in"],
        rows_out=done["rows_out"],
        outputs=[_output(output) for output in done["outputs"]],
        result=json_pb2.Json(text=result),
    )


def _output(output: dict):
    columns = [pb.OutputColumn(**column) for column in output.pop("schema")]
    lineage = [
        run_pb2.ColumnLineage(
            column=column, sources=[run_pb2.ColumnSource(input=at, column=name) for at, name in sources]
        )
        for column, sources in output.pop("lineage").items()
    ]
    return pb.OutputFile(schema=columns, lineage=lineage, format="parquet", **output)


def _task_of(ending: dict):
    (message,) = ending.values()
    return message.task
