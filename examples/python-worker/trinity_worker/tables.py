"""Tables in the object store: Parquet with its schema and its story beside it, as the built-in atoms write them."""

import datetime
import hashlib
import json
import os
import tempfile

import pyarrow as pa
import pyarrow.parquet as parquet
from pyarrow import types


def read(store, key: str) -> pa.Table:
    """A whole table."""
    with store.open(key) as file:
        return parquet.read_table(file)


def write(store, prefix: str, name: str, table: pa.Table, lineage: dict, description: dict) -> dict:
    """Stores a table and describes it, in the form in which an attempt gives it back."""
    table = normalized(table)
    columns = [{"name": f.name, "type": type_name(f.type), "nullable": f.nullable} for f in table.schema]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "data.parquet")
        parquet.write_table(table, path, compression="snappy", store_schema=False)
        size_bytes, content_hash = os.path.getsize(path), _hash(path)
        store.put(f"{prefix}/{name}/data.parquet", path)
    output = {"name": name, "storage_key": f"{prefix}/{name}/data.parquet", "rows": table.num_rows}
    output |= {"size_bytes": size_bytes, "content_hash": content_hash}
    schema = {"columns": columns, "rows": table.num_rows}
    names = ["input" if at == 0 else f"input_{at + 1}" for at in range(len(description["inputs"]))]
    sources = {column: [f"{names[at]}.{source}" for at, source in found] for column, found in lineage.items()}
    written_at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    metadata = {**description, **output, "column_sources": sources, "written_at": written_at}
    del metadata["storage_key"]
    store.put_text(f"{prefix}/{name}/schema.json", json.dumps(schema, indent=2) + "\n")
    store.put_text(f"{prefix}/{name}/metadata.json", json.dumps(metadata, indent=2) + "\n")
    return {**output, "schema": columns, "lineage": lineage}


def normalized(table: pa.Table) -> pa.Table:
    """The table in the few types that tables are written in."""
    fields = [pa.field(f.name, _written_as(f.type), nullable=f.nullable) for f in table.schema]
    return table.cast(pa.schema(fields))


def _written_as(kind: pa.DataType) -> pa.DataType:
    if types.is_integer(kind) and kind != pa.uint64():
        return pa.int64()
    if types.is_floating(kind):
        return pa.float64()
    if types.is_dictionary(kind):
        return _written_as(kind.value_type)
    if types.is_large_string(kind) or types.is_null(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_date64(kind):
        return pa.date32()
    return kind


def type_name(kind: pa.DataType) -> str:
    """The name of a type: one of Trinity's for the usual ones, else Arrow's."""
    if types.is_boolean(kind):
        return "boolean"
    if types.is_int64(kind):
        return "int64"
    if types.is_float64(kind):
        return "float64"
    if types.is_date32(kind):
        return "date"
    if types.is_timestamp(kind):
        return "timestamp"
    return "string" if types.is_string(kind) else str(kind)


def _hash(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
