"""The work itself: functions from a task to a table. A new one is written here and added to `ALL`."""

import collections
import math
import re
import time
from dataclasses import dataclass, field

import pyarrow as pa

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class Refused(Exception):
    """The settings or the data make no sense to a handler: trying again would not help."""

    def __init__(self, message: str, code: str = "CONFIG_INVALID"):
        super().__init__(message)
        self.code = code


@dataclass
class Made:
    """What a handler gives back; lineage maps a column to the (input, column) pairs that it was made from."""

    table: pa.Table
    lineage: dict = field(default_factory=dict)
    result: dict = field(default_factory=dict)


def rolling_zscore(task) -> Made:
    """How far each value is from the mean of a window of rows that ends with it, in standard deviations.

    Settings: `column`, `window` (rows, at least 2), `as` (the new column, "<column>_zscore" unless told). Rows keep their
    order. Missing values count neither as rows nor as values; a window that is not full or has no spread gives none.
    """
    table = task.input()
    name, window = _column(task, table), _integer(task, "window", at_least=2)
    made = task.settings.get("as", f"{name}_zscore")
    if made in table.column_names:
        raise Refused(f"there is a column {made!r} already: name another by \"as\"")
    scores, recent = [], collections.deque(maxlen=window)
    for value in _numbers(table, name):
        scores.append(_zscore(value, recent, window))
    task.log("info", f"scored {table.num_rows} rows over windows of {window}")
    lineage = {column: [(0, column)] for column in table.column_names} | {made: [(0, name)]}
    outside = sum(1 for score in scores if score is not None and abs(score) > 2)
    table = table.append_column(made, pa.array(scores, pa.float64()))
    return Made(table, lineage, {"beyond_two": outside})


def _zscore(value, recent, window: int):
    if value is None or not math.isfinite(value):
        return None
    recent.append(value)
    if len(recent) < window:
        return None
    mean = math.fsum(recent) / window
    # Why twice over the window: running sums lose their digits over a long table.
    variance = math.fsum((one - mean) ** 2 for one in recent) / (window - 1)
    return (value - mean) / math.sqrt(variance) if variance > 0 else None


def tokens(task) -> Made:
    """The words of a text column with how often each occurs, the most frequent first.

    Settings: `column`, `limit` (words, 1,000 unless told).
    """
    table = task.input()
    name, limit = _column(task, table), _integer(task, "limit", default=1000, at_least=1)
    counted = collections.Counter()
    for text in table.column(name).to_pylist():
        counted.update(WORD.findall(str(text).casefold()) if text is not None else ())
    found = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
    words = pa.table({
        "token": pa.array([word for word, _ in found], pa.string()),
        "count": pa.array([count for _, count in found], pa.int64()),
    })
    lineage = {"token": [(0, name)], "count": [(0, name)]}
    return Made(words, lineage, {"distinct": len(counted), "total": counted.total()})


def pause(task) -> Made:
    """Does nothing for some time and hands its input on: to try out cancelling and lost connections.

    Settings: `seconds`.
    """
    table, seconds = task.input(), _integer(task, "seconds", at_least=0)
    task.log("info", f"pausing for {seconds} s")
    time.sleep(seconds)
    return Made(table, {column: [(0, column)] for column in table.column_names})


def _column(task, table: pa.Table) -> str:
    name = task.settings.get("column")
    if not isinstance(name, str):
        raise Refused("settings/column: is required")
    if name not in table.column_names:
        raise Refused(f"settings/column: no column {name!r}; the table has {', '.join(table.column_names[:50])}")
    return name


def _integer(task, name: str, at_least: int, default=None) -> int:
    value = task.settings.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise Refused(f"settings/{name}: must be a whole number of at least {at_least}")
    return value


def _numbers(table: pa.Table, name: str):
    column = table.column(name)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise Refused(f"settings/column: {name!r} holds {column.type} and no numbers", "DATA_INVALID")
    for chunk in column.chunks:
        yield from (None if value is None else float(value) for value in chunk.to_pylist())


ALL = {"rolling-zscore": rolling_zscore, "tokens": tokens, "pause": pause}
