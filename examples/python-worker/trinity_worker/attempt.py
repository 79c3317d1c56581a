"""One attempt of one task, in a process of its own: whatever it does, the worker lives on."""

import json
import multiprocessing
import os
import threading
import traceback
from dataclasses import dataclass, field

import pyarrow as pa

from trinity_worker import handlers, tables
from trinity_worker.store import Store


@dataclass
class Work:
    """What an attempt is given; it crosses the process boundary."""

    handler: str
    settings: dict
    inputs: list
    output_prefix: str
    description: dict
    storage_url: str
    storage: dict = field(repr=False)
    secrets: dict = field(repr=False)

    @staticmethod
    def of(assigned, settings, secrets: dict) -> "Work":
        config = json.loads(assigned.config.text or "{}")
        labels = ("tenant_id", "project_id", "workflow_id", "run_id", "place")
        inputs = [
            {"storage_key": file.storage_key, "format": file.format, "content_hash": file.content_hash}
            for file in assigned.inputs
        ]
        description = {
            "atom": assigned.atom,
            "version": assigned.atom_version,
            "config": config,
            "attempt": assigned.task.attempt,
            "labels": {name: getattr(assigned, name) for name in labels},
            "inputs": inputs,
        }
        return Work(
            handler=config.get("handler", ""),
            settings=config.get("settings", {}),
            inputs=inputs,
            output_prefix=assigned.output_prefix,
            description=description,
            storage_url=settings.storage_url,
            storage=settings.storage,
            secrets=secrets,
        )


class Task:
    """What a handler sees."""

    def __init__(self, work: Work, store: Store, pipe):
        self.settings, self.secrets = work.settings, work.secrets
        self.rows_in = 0
        self._work, self._store, self._pipe = work, store, pipe

    def input(self, at: int = 0) -> pa.Table:
        """The input at a place, whole."""
        if at >= len(self._work.inputs):
            raise handlers.Refused(f"the handler needs input {at + 1} and got {len(self._work.inputs)}")
        file = self._work.inputs[at]
        if file["format"] not in ("", "parquet"):
            raise handlers.Refused(f"an input is {file['format']}; handlers take tables that atoms wrote")
        table = tables.read(self._store, file["storage_key"])
        self.rows_in += table.num_rows
        return table

    def log(self, level: str, message: str) -> None:
        """Says something to the person who watches the run."""
        self._pipe.send(("log", (level, message)))


def main(work: Work, pipe) -> None:
    """The process's whole life."""
    threading.Thread(target=end_with_the_worker, daemon=True).start()
    try:
        pipe.send(("done", run(work, pipe)))
    except handlers.Refused as refused:
        pipe.send(("failed", (refused.code, str(refused), False)))
    except FileNotFoundError:
        pipe.send(("failed", ("INPUT_MISSING", "the file of an input is not in the object store", False)))
    except OSError as error:
        pipe.send(("failed", ("IO_FAILED", f"reading or writing failed: {type(error).__name__}", True)))
    except MemoryError:
        pipe.send(("failed", ("OUT_OF_MEMORY", "the handler needs more memory than there is", False)))
    except Exception as error:
        pipe.send(("log", ("error", traceback.format_exc())))
        pipe.send(("failed", ("HANDLER_FAILED", f"{type(error).__name__}: {error}", False)))


def end_with_the_worker() -> None:
    """Ends this process as soon as the worker is gone, however it went: nobody would take the result."""
    multiprocessing.parent_process().join()
    os._exit(1)


def run(work: Work, pipe) -> dict:
    handler = handlers.ALL.get(work.handler)
    if handler is None:
        known = ", ".join(sorted(handlers.ALL))
        raise handlers.Refused(f"there is no handler {work.handler!r}; there are {known}")
    store = Store(work.storage_url, work.storage)
    task = Task(work, store, pipe)
    made = handler(task)
    output = tables.write(store, work.output_prefix, "data", made.table, made.lineage, work.description)
    return {
        "rows_in": task.rows_in,
        "rows_out": made.table.num_rows,
        "outputs": [output],
        "result": {"handler": work.handler, **made.result},
    }
