"""Computes what the models should say, with independent tools; run by hand: python3 make_expected.py

Made with Python 3.11, numpy 2.4.6, scipy 1.17.1, statsmodels 0.15.0, scikit-learn 1.9.1, pandas 3.1.1.
Writes regression.json, association.json, ets.json, arima.json and media.json beside itself.
"""

import json
import pathlib
import re
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import scipy.optimize
import scipy.stats
import statsmodels.api as sm
from sklearn.linear_model import Ridge
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.stats.stattools import durbin_watson
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.stattools import kpss

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).parent

# Monthly totals of international airline passengers in thousands, 1949 to 1960.
# Source: Box and Jenkins, "Time series analysis: forecasting and control", 1976, series G.
AIR = [int(x) for x in """
112 118 132 129 121 135 148 148 136 119 104 118 115 126 141 135 125 149 170 170 158 133 114 140
145 150 178 163 172 178 199 199 184 162 146 166 171 180 193 181 183 218 230 242 209 191 172 194
196 196 236 235 229 243 264 272 237 211 180 201 204 188 235 227 234 264 302 293 259 229 203 229
242 233 267 269 270 315 364 347 312 274 237 278 284 277 317 313 318 374 413 405 355 306 271 306
315 301 356 348 355 422 465 467 404 347 305 336 340 318 362 348 363 435 491 505 404 359 310 337
360 342 406 396 420 472 548 559 463 407 362 405 417 391 419 461 472 535 622 606 508 461 390 432
""".split()]
# Yearly flow of the Nile at Aswan in 10^8 cubic metres, 1871 to 1970. Source: Cobb 1978; as in statsmodels' datasets.
NILE = [float(x) for x in sm.datasets.nile.load_pandas().data["volume"]]
# Monthly means of CO2 at Mauna Loa in ppm. Source: Keeling and Whorf, Scripps; as in statsmodels' datasets.
CO2 = [float(x) for x in sm.datasets.co2.load_pandas().data["co2"].resample("MS").mean().ffill()["1970":"1999"]]


def write(name, document):
    text = json.dumps(document, indent=1, default=float)
    # A list of numbers on one line.
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: "[" + " ".join(found.group(1).split()) + "]", text)
    (HERE / name).write_text(text + "\n")


# --- regression -----------------------------------------------------------------------------------------------------

def exact(rows, outcome, intercept):
    """Coefficients, standard errors and residual standard deviation in rational arithmetic, rounded once."""
    x = [([Fraction(1)] if intercept else []) + [Fraction(str(v)) for v in row] for row in rows]
    y = [Fraction(str(v)) for v in outcome]
    k = len(x[0])
    a = [[sum(r[i] * r[j] for r in x) for j in range(k)] + [sum(r[i] * v for r, v in zip(x, y))]
         + [Fraction(int(i == j)) for j in range(k)] for i in range(k)]
    for i in range(k):
        pivot = next(j for j in range(i, k) if a[j][i] != 0)
        a[i], a[pivot] = a[pivot], a[i]
        a[i] = [v / a[i][i] for v in a[i]]
        for j in range(k):
            if j != i and a[j][i] != 0:
                a[j] = [v - a[j][i] * w for v, w in zip(a[j], a[i])]
    beta = [a[i][k] for i in range(k)]
    residuals = [v - sum(b * w for b, w in zip(beta, r)) for r, v in zip(x, y)]
    rss = sum(e * e for e in residuals)
    variance = rss / (len(y) - k)
    mean = sum(y) / len(y) if intercept else 0
    total = sum((v - mean) ** 2 for v in y)
    return {
        "coefficients": [float(b) for b in beta],
        "standard_errors": [float(np.sqrt(float(variance * a[i][k + 1 + i]))) for i in range(k)],
        "residual_error": float(np.sqrt(float(variance))),
        "r_squared": float(1 - rss / total),
    }


# NIST's Statistical Reference Datasets, linear regression (public domain): Filippelli, 82 pairs of y and x.
FILIP_Y = [float(v) for v in """
.8116 .9072 .9052 .9039 .8053 .8377 .8667 .8809 .7975 .8162 .8515 .8766 .8885 .8859 .8959 .8913 .8959 .8971 .9021 .909
.9139 .9199 .8692 .8872 .89 .891 .8977 .9035 .9078 .7675 .7705 .7713 .7736 .7775 .7841 .7971 .8329 .8641 .8804 .7668
.7633 .7678 .7697 .77 .7749 .7796 .7897 .8131 .8498 .8741 .8061 .846 .8751 .8856 .8919 .8934 .894 .8957 .9047 .9129
.9209 .9219 .7739 .7681 .7665 .7703 .7702 .7761 .7809 .7961 .8253 .8602 .8809 .8301 .8664 .8834 .8898 .8964 .8963 .9074
.9119 .9228
""".split()]
FILIP_X = [float(v) for v in """
-6.860120914 -4.324130045 -4.358625055 -4.358426747 -6.955852379 -6.661145254 -6.355462942 -6.118102026 -7.115148017
-6.815308569 -6.519993057 -6.204119983 -5.853871964 -6.109523091 -5.79832982 -5.482672118 -5.171791386 -4.851705903
-4.517126416 -4.143573228 -3.709075441 -3.499489089 -6.300769497 -5.953504836 -5.642065153 -5.031376979 -4.680685696
-4.329846955 -3.928486195 -8.56735134 -8.363211311 -8.107682739 -7.823908741 -7.522878745 -7.218819279 -6.920818754
-6.628932138 -6.323946875 -5.991399828 -8.781464495 -8.663140179 -8.473531488 -8.247337057 -7.971428747 -7.676129393
-7.352812702 -7.072065318 -6.774174009 -6.478861916 -6.159517513 -6.835647144 -6.53165267 -6.224098421 -5.910094889
-5.598599459 -5.290645224 -4.974284616 -4.64454848 -4.290560426 -3.885055584 -3.408378962 -3.13200249 -8.726767166
-8.66695597 -8.511026475 -8.165388579 -7.886056648 -7.588043762 -7.283412422 -6.995678626 -6.691862621 -6.392544977
-6.067374056 -6.684029655 -6.378719832 -6.065855188 -5.752272167 -5.132414673 -4.811352704 -4.098269308 -3.66174277
-3.2644011
""".split()]


def filip():
    """A polynomial of degree 10; the exact solution is of exact powers, as NIST certifies it."""
    powers = [[Fraction(str(x)) ** k for k in range(1, 11)] for x in FILIP_X]
    return {
        "rows": [[float(v) for v in row] for row in powers], "outcome": FILIP_Y, "intercept": True,
        "exact": exact(powers, FILIP_Y, True),
    }


def ols(rows, outcome, intercept=True):
    x = np.asarray(rows, dtype=float)
    if intercept:
        x = sm.add_constant(x, has_constant="add")
    fit = sm.OLS(np.asarray(outcome, dtype=float), x).fit()
    first = int(intercept)
    return {
        "rows": np.asarray(rows).tolist(), "outcome": list(outcome), "intercept": intercept,
        "exact": exact(rows, outcome, intercept),
        "t": fit.tvalues.tolist(), "p": fit.pvalues.tolist(), "interval": fit.conf_int().tolist(),
        "adjusted_r_squared": fit.rsquared_adj, "f": fit.fvalue, "f_p": fit.f_pvalue,
        "log_likelihood": fit.llf, "aic": fit.aic, "bic": fit.bic,
        "condition_number": fit.condition_number,
        "durbin_watson": durbin_watson(fit.resid),
        "inflation": [variance_inflation_factor(x, i) for i in range(first, x.shape[1])] if intercept else None,
    }


def ridge(rows, outcome, lambdas):
    x, y = np.asarray(rows, dtype=float), np.asarray(outcome, dtype=float)
    scale = x.std(axis=0)
    z = (x - x.mean(axis=0)) / scale
    found = []
    for value in lambdas:
        fit = Ridge(alpha=value, solver="svd").fit(z, y)
        hat = z @ np.linalg.solve(z.T @ z + value * np.eye(z.shape[1]), z.T) + 1 / len(y)
        residuals = y - fit.predict(z)
        found.append({
            "lambda": value, "standardized": fit.coef_.tolist(), "coefficients": (fit.coef_ / scale).tolist(),
            "intercept": fit.intercept_ - (fit.coef_ / scale) @ x.mean(axis=0),
            "effective_terms": np.trace(hat), "residual_squares": residuals @ residuals,
            "gcv": len(y) * (residuals @ residuals) / (len(y) - np.trace(hat)) ** 2,
        })
    return found


longley = sm.datasets.longley.load_pandas()
longley_rows = longley.exog[["GNPDEFL", "GNP", "UNEMP", "ARMED", "POP", "YEAR"]].to_numpy()
longley_y = longley.endog.to_numpy()
xs = list(range(21))
# NIST's Statistical Reference Datasets, linear regression (public domain): Wampler 1 to 5 by their formulas.
noise = [759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048, 2048,
         -2048, 1838, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 759]
powers = [[x**k for k in range(1, 6)] for x in xs]
w1 = [sum(x**k for k in range(6)) for x in xs]
w2 = [float(sum(Fraction(x**k, 10**k) for k in range(6))) for x in xs]
seattle = pd.read_csv(HERE / "../../../../examples/seattle-weather/seattle-weather.csv")
weather_columns = ["precipitation", "temp_min", "wind"]
weather_rows = seattle[weather_columns].to_numpy()
weather = ols(weather_rows.tolist(), seattle["temp_max"].tolist())
# The rows stand in the example already: the tests read them there.
weather = {"columns": weather_columns, "of": "temp_max"} | {k: v for k, v in weather.items() if k not in ("rows", "outcome")}

write("regression.json", {
    "longley": ols(longley_rows.tolist(), longley_y.tolist()),
    "weather": weather,
    "wampler1": ols(powers, w1),
    "wampler2": ols(powers, w2),
    "wampler3": ols(powers, [y + e for y, e in zip(w1, noise)]),
    "wampler4": ols(powers, [y + 100 * e for y, e in zip(w1, noise)]),
    "wampler5": ols(powers, [y + 10000 * e for y, e in zip(w1, noise)]),
    "filip": filip(),
    "no_intercept_1": ols([[x] for x in range(60, 71)], list(range(130, 141)), False),
    "no_intercept_2": ols([[4], [5], [6]], [3, 4, 4], False),
    "ridge_longley": ridge(longley_rows, longley_y, [0.0, 0.01, 0.1, 1.0, 25.0]),
    "ridge_weather": ridge(weather_rows, seattle["temp_max"], [0.5, 100.0]),
})

# --- association ----------------------------------------------------------------------------------------------------

columns = ["precipitation", "temp_max", "temp_min", "wind"]
pairs = {}
for i, one in enumerate(columns):
    for other in columns[i + 1:]:
        x, y = seattle[one], seattle[other]
        pairs[f"{one} {other}"] = {
            "pearson": list(scipy.stats.pearsonr(x, y)),
            "spearman": list(scipy.stats.spearmanr(x, y)),
            "kendall": list(scipy.stats.kendalltau(x, y, method="asymptotic")),
        }
few = [[1, 2, 2, 3, 5, 8, 8, 9], [2, 1, 4, 4, 3, 9, 7, 7]]
write("association.json", {
    "pairs": pairs, "few": few,
    "few_values": {
        "pearson": list(scipy.stats.pearsonr(*few)), "spearman": list(scipy.stats.spearmanr(*few)),
        "kendall": list(scipy.stats.kendalltau(*few, method="asymptotic")),
    },
})

# --- exponential smoothing ------------------------------------------------------------------------------------------

def relative_variance(fit):
    variance = np.asarray(fit.get_prediction(start=fit.nobs, end=fit.nobs + 23).forecast_variance)
    return (variance / variance[0]).tolist()


def smoothing(series, error, trend, damped, seasonal, m):
    index = pd.period_range("2000-01", periods=len(series), freq="M")
    model = ETSModel(pd.Series(series, index=index, dtype=float), error=error, trend=trend, damped_trend=damped,
                     seasonal=seasonal, seasonal_periods=m if seasonal else None)
    best = model.fit(disp=False, maxiter=5000)
    names = dict(zip(model.param_names, best.params))
    season = [names[k] for k in sorted((k for k in names if k.startswith("initial_seasonal")),
                                       key=lambda k: -int(k.split(".")[1]))]
    form = f"ETS({error[0].upper()},{'N' if not trend else 'Ad' if damped else 'A'},{seasonal[0].upper() if seasonal else 'N'})"
    additive = error == "add" and seasonal != "mul"
    return {
        "form": form, "season_length": m,
        "alpha": names["smoothing_level"], "beta": names.get("smoothing_trend", 0.0),
        "gamma": names.get("smoothing_seasonal", 0.0), "phi": names.get("damping_trend", 1.0),
        "level": names["initial_level"], "slope": names.get("initial_trend", 0.0), "season": season,
        "log_likelihood": best.llf, "squares": float((best.resid**2).sum()),
        "forecast": best.forecast(24).tolist(),
        "relative_variance": relative_variance(best) if error == "add" and seasonal != "mul" else None,
    }


air_forms = [("add", None, False, None), ("add", "add", False, None), ("add", "add", True, None),
             ("mul", "add", False, None), ("add", None, False, "add"), ("add", "add", False, "add"),
             ("add", "add", True, "add"), ("mul", "add", False, "add"), ("mul", "add", False, "mul"),
             ("mul", "add", True, "mul"), ("mul", None, False, "mul")]
write("ets.json", {
    "air": AIR, "nile": NILE, "co2": CO2,
    "air_fits": [smoothing(AIR, *form, 12) for form in air_forms],
    "nile_fits": [smoothing(NILE, *form, 1) for form in air_forms[:4]],
    "co2_fits": [smoothing(CO2, *form, 12) for form in [air_forms[5], air_forms[7]]],
})

# --- ARIMA ----------------------------------------------------------------------------------------------------------

def arima(name, series, order, seasonal=(0, 0, 0, 0), constant=False, fixed=None):
    y = np.asarray(series, dtype=float)
    trend = "c" if constant else "n"
    model = sm.tsa.SARIMAX(y, order=order, seasonal_order=seasonal, trend=trend, simple_differencing=True)
    fit = model.fit(disp=False, maxiter=500, method="bfgs", gtol=1e-8)
    names = dict(zip(model.param_names, fit.params))
    take = lambda prefix: [v for k, v in names.items() if k.startswith(prefix)]
    ar, ma = take("ar.L"), take("ma.L")
    sar, sma = take("ar.S."), take("ma.S.")
    # statsmodels' intercept is not the mean: divide by what the autoregression leaves.
    leave = (1 - sum(ar)) * (1 - sum(sar))
    whole = sm.tsa.SARIMAX(y, order=order, seasonal_order=seasonal, trend=trend)
    ahead = whole.smooth(fit.params).get_forecast(24)
    return {
        "series": name, "order": list(order) + list(seasonal[:3]), "season": seasonal[3] or 1, "constant": constant,
        "ar": ar, "ma": ma, "seasonal_ar": sar, "seasonal_ma": sma, "mean": names.get("intercept", 0.0) / leave,
        "variance": names["sigma2"], "log_likelihood": fit.llf,
        "forecast": ahead.predicted_mean.tolist(), "standard_error": ahead.se_mean.tolist(),
    }


LOG_AIR = np.log(AIR).tolist()
write("arima.json", {
    "log_air": LOG_AIR, "nile": NILE, "co2": CO2,
    "fits": [
        arima("log_air", LOG_AIR, (0, 1, 1), (0, 1, 1, 12)),
        arima("log_air", LOG_AIR, (2, 1, 1), (0, 1, 1, 12)),
        arima("log_air", LOG_AIR, (1, 0, 0), (1, 1, 0, 12), True),
        arima("nile", NILE, (1, 0, 0), constant=True),
        arima("nile", NILE, (1, 0, 1), constant=True),
        arima("nile", NILE, (0, 1, 1)),
        arima("nile", NILE, (2, 0, 2), constant=True),
        arima("co2", CO2, (1, 1, 1), (0, 1, 1, 12)),
    ],
    "kpss": [{"series": s, "lags": lags, "statistic": kpss(v, regression="c", nlags=lags)[0]}
             for s, v in [("nile", NILE), ("co2", CO2), ("log_air", LOG_AIR)] for lags in [0, 4, 8]],
})

# --- media mix ------------------------------------------------------------------------------------------------------

rng = np.random.default_rng(7)


def carry(x, decay):
    out, level = [], 0.0
    for v in x:
        level = decay * level + (1 - decay) * v
        out.append(level)
    return np.array(out)


def hill(x, half, slope):
    return x**slope / (x**slope + half**slope)


weeks = 156
tv = np.where(rng.random(weeks) < 0.6, rng.gamma(2.0, 60.0, weeks), 0.0).round(2)
radio = rng.gamma(3.0, 20.0, weeks).round(2)
search = rng.gamma(4.0, 12.0, weeks).round(2)
useless = rng.gamma(2.0, 15.0, weeks).round(2)
price = (10 + rng.normal(0, 0.5, weeks)).round(3)
t = np.arange(weeks)
clean = (400 + 900 * hill(carry(tv, 0.6), 90.0, 1.6) + 350 * hill(carry(radio, 0.3), 55.0, 1.0)
         + 250 * hill(carry(search, 0.0), 40.0, 1.2) - 25 * price + 60 * np.sin(2 * np.pi * t / 52))
sales = (clean + rng.normal(0, 8.0, weeks)).round(3)


def free_fit(y, channels, base):
    """The least squares of the same model by differential evolution over decays, halves and slopes."""
    q, _ = np.linalg.qr(base)
    rest = y - q @ (q.T @ y)

    def cost(p):
        x = np.column_stack([hill(carry(c, p[3 * i]), c.max() * np.exp(p[3 * i + 1]), p[3 * i + 2])
                             for i, c in enumerate(channels)])
        x = x - q @ (q.T @ x)
        return scipy.optimize.nnls(x, rest)[1] ** 2

    limits = [(0.0, 0.9), (np.log(0.05), np.log(2.0)), (0.5, 3.0)] * len(channels)
    found = scipy.optimize.differential_evolution(cost, limits, seed=1, maxiter=400, popsize=12, tol=1e-8, polish=True)
    return found.fun


base = np.column_stack([np.ones(weeks), price, np.sin(2 * np.pi * t / 52), np.cos(2 * np.pi * t / 52)])
nnls_cases = []
for size in [(20, 3), (30, 6), (50, 10)]:
    a, b = rng.normal(size=size), rng.normal(size=size[0])
    nnls_cases.append({"rows": a.tolist(), "outcome": b.tolist(), "weights": scipy.optimize.nnls(a, b)[0].tolist()})

budget_cases = []
for shape, params, bounds, budget in [
    ("hill", [(900, 90, 1.0), (350, 55, 0.8), (250, 40, 1.0)], [(0, 300), (0, 300), (0, 300)], 250),
    ("hill", [(900, 90, 1.0), (350, 55, 0.8), (250, 40, 1.0)], [(0, 60), (80, 300), (0, 300)], 250),
    ("exponential", [(900, 90, 1), (350, 55, 1), (250, 40, 1), (0, 10, 1)], [(0, 500)] * 4, 400),
    ("hill", [(900, 90, 2.5), (350, 55, 1.8), (250, 40, 3.0)], [(0, 300)] * 3, 120),
    ("hill", [(900, 90, 2.5), (880, 90, 2.5)], [(0, 300)] * 2, 60),
]:
    def value(s, shape=shape, params=params):
        if shape == "hill":
            return sum(w * hill(np.float64(max(v, 1e-12)), h, k) for v, (w, h, k) in zip(s, params))
        return sum(w * (1 - 2.0 ** (-v / h)) for v, (w, h, k) in zip(s, params))

    best = None
    for start in range(60):
        p = rng.dirichlet(np.full(len(params), 0.3))
        x0 = np.clip(p * budget, [b[0] for b in bounds], [b[1] for b in bounds])
        got = scipy.optimize.minimize(lambda s: -value(s) / 100, x0, bounds=bounds, method="SLSQP",
                                      constraints={"type": "eq", "fun": lambda s: sum(s) - budget},
                                      options={"maxiter": 1000, "ftol": 1e-14})
        if got.success and (best is None or value(got.x) > best[0]):
            best = (value(got.x), got.x.tolist())
    budget_cases.append({"shape": shape, "channels": params, "bounds": bounds, "budget": budget,
                         "total_return": best[0], "spending": best[1]})

write("media.json", {
    "sales": sales.tolist(), "clean": clean.tolist(), "tv": tv.tolist(), "radio": radio.tolist(),
    "search": search.tolist(), "useless": useless.tolist(), "price": price.tolist(),
    "least_squares": free_fit(sales, [tv, radio, search, useless], base),
    "carried": carry(tv, 0.6).tolist(), "effect": hill(carry(tv, 0.6), 90.0, 1.6).tolist(),
    "non_negative": nnls_cases, "budgets": budget_cases,
})
