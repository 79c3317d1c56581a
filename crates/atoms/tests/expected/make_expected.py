"""Computes what readers and operations on shape should give, with DuckDB and pandas. See README.md."""

import datetime
import importlib.metadata
import json
import pathlib

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import xlwt
from odf import opendocument, table as odf_table, text as odf_text

HERE = pathlib.Path(__file__).parent
FILES = HERE / "files"
WEATHER = HERE / "../../../../examples/seattle-weather/seattle-weather.csv"
EMPLOYMENT = HERE / "../data/us-employment.csv"

db = duckdb.connect()
db.execute(
    f"CREATE TABLE weather AS SELECT row_number() OVER () AS line, * REPLACE (strptime(date, '%Y/%m/%d')::date AS date) "
    f"FROM read_csv('{WEATHER}', types={{'date': 'VARCHAR'}})"
)
db.execute(f"CREATE TABLE employment AS SELECT row_number() OVER () AS line, * FROM read_csv('{EMPLOYMENT}')")


def plain(value):
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return value


def rows(query):
    return [[plain(value) for value in row] for row in db.execute(query).fetchall()]


def names(query):
    return [column[0] for column in db.execute(query).description]


def files():
    """The first 60 days in each format, with a time of day and a whole number besides."""
    FILES.mkdir(exist_ok=True)
    frame = pd.read_csv(WEATHER, parse_dates=["date"]).head(60)
    frame["measured_at"] = frame["date"] + pd.Timedelta(hours=6, minutes=30)
    frame["day"] = range(1, 61)
    frame.loc[[3, 17], "wind"] = None
    with pd.ExcelWriter(FILES / "weather.xlsx", engine="openpyxl") as book:
        pd.DataFrame({"note": ["read the other sheet"]}).to_excel(book, sheet_name="About", index=False)
        frame.to_excel(book, sheet_name="Weather", index=False, startrow=2, startcol=1)
        for cell in book.sheets["Weather"]["B"][3:]:
            cell.number_format = "yyyy-mm-dd"
    old(frame)
    open_document(frame)
    days = frame.assign(date=frame["date"].dt.date).astype({"weather": "category"})
    arrow = pa.Table.from_pandas(days, preserve_index=False)
    feather.write_feather(arrow, FILES / "weather.feather", compression="lz4")
    with ipc.new_stream(FILES / "weather.arrows", arrow.schema) as stream:
        stream.write_table(arrow, max_chunksize=25)
    nested = [
        {
            "day": int(row.day),
            "date": row.date.date().isoformat(),
            "temperature": {"max": row.temp_max, "min": row.temp_min},
            "wind": None if pd.isna(row.wind) else row.wind,
            "tags": [row.weather, row.date.month],
        }
        for row in frame.itertuples()
    ]
    (FILES / "weather.json").write_text(json.dumps(nested, indent=1))
    (FILES / "weather.ndjson").write_text("".join(json.dumps(record) + "\n" for record in nested))
    flat = pd.json_normalize(nested)
    flat["tags"] = flat["tags"].map(lambda tags: json.dumps(tags, separators=(",", ":")))
    return {"table": table(frame), "nested": table(flat)}


def table(frame):
    values = frame.astype(object).where(frame.notna(), None)
    show = lambda value: value.isoformat().removesuffix("T00:00:00") if isinstance(value, pd.Timestamp) else value
    return {"columns": list(frame.columns), "rows": [[show(value) for value in row] for row in values.values.tolist()]}


def old(frame):
    book = xlwt.Workbook()
    sheet = book.add_sheet("Weather")
    date = xlwt.easyxf(num_format_str="yyyy-mm-dd")
    time = xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm")
    for at, name in enumerate(frame.columns):
        sheet.write(0, at, name)
    for row, record in enumerate(frame.itertuples(index=False), 1):
        for at, value in enumerate(record):
            if isinstance(value, pd.Timestamp):
                sheet.write(row, at, value.to_pydatetime(), date if frame.columns[at] == "date" else time)
            elif not pd.isna(value):
                sheet.write(row, at, value)
    book.save(str(FILES / "weather.xls"))


def open_document(frame):
    document = opendocument.OpenDocumentSpreadsheet()
    sheet = odf_table.Table(name="Weather")
    line = odf_table.TableRow()
    for name in frame.columns:
        cell = odf_table.TableCell(valuetype="string")
        cell.addElement(odf_text.P(text=name))
        line.addElement(cell)
    sheet.addElement(line)
    for record in frame.itertuples(index=False):
        line = odf_table.TableRow()
        for name, value in zip(frame.columns, record):
            if isinstance(value, pd.Timestamp):
                shown = value.date().isoformat() if name == "date" else value.isoformat()
                cell = odf_table.TableCell(valuetype="date", datevalue=shown)
            elif isinstance(value, str):
                cell = odf_table.TableCell(valuetype="string")
                cell.addElement(odf_text.P(text=value))
            elif pd.isna(value):
                cell = odf_table.TableCell()
            else:
                cell = odf_table.TableCell(valuetype="float", value=value)
            line.addElement(cell)
        sheet.addElement(line)
    document.spreadsheet.addElement(sheet)
    document.save(str(FILES / "weather.ods"))


WINDOW = """
SELECT date, weather, temp_max,
    rank() OVER kind AS place,
    dense_rank() OVER kind AS dense,
    percent_rank() OVER kind AS share,
    sum(precipitation) OVER running AS rain_so_far,
    avg(temp_max) OVER (PARTITION BY weather ORDER BY temp_max DESC, date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS mean_of_7,
    max(wind) OVER (PARTITION BY weather ORDER BY temp_max DESC, date ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING) AS gust,
    lag(temp_max, 2) OVER running AS before,
    lead(date) OVER running AS after,
    first_value(date) OVER running AS first_day,
    count(*) OVER running AS days
FROM weather
WINDOW kind AS (PARTITION BY weather ORDER BY temp_max DESC, date), running AS (PARTITION BY weather ORDER BY temp_max DESC, date
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
ORDER BY weather, temp_max DESC, date
"""
PIVOT = """
PIVOT (SELECT month(date) AS month, weather, precipitation FROM weather) ON weather USING sum(precipitation) GROUP BY month
ORDER BY month
"""
PIVOT_COUNT = """
PIVOT (SELECT year(date) AS year, weather FROM weather) ON weather IN ('snow', 'fog') USING count(*) GROUP BY year ORDER BY year
"""
UNPIVOT = "UNPIVOT (SELECT line, month, construction, manufacturing, government, wholesale_trade FROM employment) ON construction, manufacturing, government, wholesale_trade INTO NAME sector VALUE jobs ORDER BY line"
DERIVE = """
SELECT date, temp_max - temp_min AS range, range * 2 AS twice, upper(weather) AS weather FROM weather WHERE line <= 50 ORDER BY line
"""
FULL = """
SELECT coalesce(w.month, e.month) AS month, w.days, w.rain, e.construction
FROM (SELECT date_trunc('month', date)::date AS month, count(*) AS days, sum(precipitation) AS rain FROM weather WHERE date >= '2014-11-01' GROUP BY 1) w
FULL JOIN (SELECT month, construction FROM employment WHERE month BETWEEN '2014-06-01' AND '2015-03-01') e ON w.month = e.month
ORDER BY month
"""

expected = {
    "made_with": {name: importlib.metadata.version(name) for name in ["duckdb", "pandas", "openpyxl", "pyarrow", "xlwt", "odfpy"]},
    "files": files(),
    "window": rows(WINDOW)[::7],
    "pivot": {"columns": names(PIVOT), "rows": rows(PIVOT)},
    "pivot_count": {"columns": names(PIVOT_COUNT), "rows": rows(PIVOT_COUNT)},
    "unpivot": [row[1:] for row in rows(UNPIVOT)],
    "derive": rows(DERIVE),
    "distinct": rows("SELECT DISTINCT ON (weather, year(date)) line, date, weather FROM weather ORDER BY weather, year(date), line"),
    "full_join": rows(FULL),
    "partition": rows("SELECT weather, count(*), sum(precipitation), min(date), max(date) FROM weather GROUP BY weather ORDER BY weather"),
}
expected["distinct"] = [row[1:] for row in sorted(expected["distinct"])]
(HERE / "shape.json").write_text(json.dumps(expected, indent=None, separators=(",", ":")).replace("],[", "],\n[") + "\n")
