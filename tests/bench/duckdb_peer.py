"""What DuckDB takes for the work that the benchmark gives to atoms: prints seconds by name, the better of three."""

import json
import os
import sys
import tempfile
import time

import duckdb

facts, users = sys.argv[1:3]
folder = tempfile.mkdtemp()
parquet, small, out = (os.path.join(folder, name) for name in ("facts.parquet", "users.parquet", "out.parquet"))
WORK = {
    "convert": f"COPY (SELECT * FROM read_csv('{facts}')) TO '{parquet}' (FORMAT parquet)",
    "profile": f"SUMMARIZE SELECT * FROM '{parquet}'",
    "group": f"COPY (SELECT \"user\", sum(amount), avg(share), count(*) FROM '{parquet}' GROUP BY 1 ORDER BY 1) "
    f"TO '{out}' (FORMAT parquet)",
    "join": f"COPY (SELECT f.*, u.segment, u.weight FROM '{parquet}' f JOIN '{small}' u USING (\"user\")) "
    f"TO '{out}' (FORMAT parquet)",
}
seconds = {}
for name, query in WORK.items():
    best = float("inf")
    for _ in range(3):
        connection = duckdb.connect(config={"threads": os.cpu_count()})
        connection.execute("SET enable_progress_bar = false")
        if name == "join":
            connection.execute(f"COPY (SELECT * FROM read_csv('{users}')) TO '{small}' (FORMAT parquet)")
        begun = time.perf_counter()
        connection.execute(query).fetchall()
        best = min(best, time.perf_counter() - begun)
        connection.close()
    seconds[name] = best
for path in (parquet, small, out):
    os.unlink(path)
os.rmdir(folder)
print(json.dumps(seconds))
