"""Computes what the atoms should say about examples/seattle-weather/seattle-weather.csv, with pandas.

Run by hand when the tests ask for more: python3 expected.py > seattle-weather.json
(pandas 3; the file is read by pandas' own parser, so that nothing of the engine is involved).
"""

import json
import pathlib

import pandas as pd

HERE = pathlib.Path(__file__).parent
CSV = HERE / "../../../../examples/seattle-weather/seattle-weather.csv"
frame = pd.read_csv(CSV, parse_dates=["date"])
numbers = ["precipitation", "temp_max", "temp_min", "wind"]


def profile(name):
    column = frame[name]
    quantiles = column.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
    return {
        "mean": column.mean(),
        "stddev": column.std(),
        "min": column.min(),
        "max": column.max(),
        "distinct": int(column.nunique()),
        "quantiles": list(quantiles),
    }


by_month = (
    frame.assign(month=frame["date"].dt.month)
    .groupby(["weather", "month"])
    .agg(
        days=("date", "count"),
        wind_mean=("wind", "mean"),
        precipitation_sum=("precipitation", "sum"),
        temp_max_median=("temp_max", "median"),
        temp_max_stddev=("temp_max", "std"),
        temp_min_min=("temp_min", "min"),
        wind_count_distinct=("wind", "nunique"),
    )
    .reset_index()
)
# A standard deviation of one value is missing, as in SQL.
by_month = by_month.astype(object).where(by_month.notna(), None)

warm_rain = frame[(frame["temp_max"] > 20) & (frame["weather"] == "rain")]
hottest = frame.sort_values(["temp_max", "date"], ascending=[False, True]).head(5)

print(
    json.dumps(
        {
            "rows": len(frame),
            "profile": {name: profile(name) for name in numbers},
            "weather_top": [[k, int(v)] for k, v in frame["weather"].value_counts().items()],
            "date_range": [str(frame["date"].min().date()), str(frame["date"].max().date())],
            "by_weather_and_month": by_month.to_dict("records"),
            "warm_rain_rows": len(warm_rain),
            "warm_rain_precipitation": warm_rain["precipitation"].sum(),
            "hottest": [str(d.date()) for d in hottest["date"]],
        },
        indent=1,
    )
)
