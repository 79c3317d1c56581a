"""Computes what the quality and model atoms should say about real data, with independent tools.

Run by hand: python3 make_quality.py > quality.json
(Python 3.11, pandas 3.1.1, numpy 2.4.6, scipy 1.17.1, statsmodels 0.15.0, scikit-learn 1.9.1.)
"""

import json
import pathlib

import numpy as np
import pandas as pd
import scipy.stats
import statsmodels.formula.api as smf
from sklearn.linear_model import Ridge
from statsmodels.stats.stattools import durbin_watson

HERE = pathlib.Path(__file__).parent
weather = pd.read_csv(HERE / "../../../../examples/seattle-weather/seattle-weather.csv", parse_dates=["date"])
numbers = ["precipitation", "temp_max", "temp_min", "wind"]


def limits(method):
    found = {}
    for name in numbers:
        x = weather[name]
        if method == "iqr":
            q1, q3 = x.quantile([0.25, 0.75])
            low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
        elif method == "zscore":
            low, high = x.mean() - 3 * x.std(), x.mean() + 3 * x.std()
        else:
            mad = (x - x.median()).abs().median()
            low, high = x.median() - 3.5 * mad / 0.6745, x.median() + 3.5 * mad / 0.6745
        # Nothing is far from a middle that does not vary.
        found[name] = None if low == high else [low, high, int(((x < low) | (x > high)).sum())]
    return found


ols = smf.ols("temp_max ~ temp_min + wind + C(weather)", weather).fit()
x = weather[["temp_min", "wind"]]
ridge = Ridge(alpha=10.0).fit((x - x.mean()) / x.std(ddof=0), weather["temp_max"])
pairs = [(a, b) for i, a in enumerate(numbers) for b in numbers[i + 1 :]]
capped = weather["precipitation"].clip(upper=limits("iqr")["precipitation"][1])

print(
    json.dumps(
        {
            "rules": {
                "rain_without_water": int(((weather["weather"] == "rain") & (weather["precipitation"] == 0)).sum()),
                "wind_above_8": int((weather["wind"] > 8).sum()),
                "first_wind_above_8": int((weather["wind"] > 8).idxmax()) + 1,
                "repeated_temp_max": int(weather.duplicated("temp_max", keep=False).sum()),
                "not_sun_or_rain": int((~weather["weather"].isin(["sun", "rain"])).sum()),
            },
            "outliers": {method: limits(method) for method in ["iqr", "zscore", "mad"]},
            "outlier_rows_iqr": int(
                np.logical_or.reduce(
                    [(weather[n] < l[0]) | (weather[n] > l[1]) for n, l in limits("iqr").items() if l]
                ).sum()
            ),
            "correlation": {
                method: {
                    f"{a} {b}": list(
                        {
                            "pearson": scipy.stats.pearsonr,
                            "spearman": scipy.stats.spearmanr,
                            "kendall": lambda u, v: scipy.stats.kendalltau(u, v, method="asymptotic"),
                        }[method](weather[a], weather[b])
                    )
                    for a, b in pairs
                }
                for method in ["pearson", "spearman", "kendall"]
            },
            "linear": {
                "terms": {
                    k.replace("C(weather)[T.", "weather = ").replace("]", "").replace("Intercept", "(intercept)"): [
                        ols.params[k],
                        ols.bse[k],
                        ols.tvalues[k],
                        ols.pvalues[k],
                    ]
                    for k in ols.params.index
                },
                "r_squared": ols.rsquared,
                "f": ols.fvalue,
                "aic": ols.aic,
                "durbin_watson": durbin_watson(ols.resid),
                "first_predictions": list(ols.fittedvalues[:5]),
            },
            "ridge": {"standardized": list(ridge.coef_)},
            "clipped_precipitation_mean": capped.mean(),
            "histogram_wind": np.histogram(weather["wind"], bins=10)[0].tolist(),
        },
        indent=1,
    )
)
