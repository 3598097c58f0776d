# Prints evidence.json: what other hands come to, from the definitions and by numerical means, for activities/rollout/. Runs in the tests by its
# output alone. Needs scipy 1.17 and statsmodels 0.14: `python3 test/unit/rollout/make-evidence.py > test/unit/rollout/evidence.json`.
import functools
import json
import math

import numpy as np
from scipy import integrate, optimize, special, stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

ODDS = np.arange(-6.5, 6.51, 0.5)
BEYOND = {"above": [0.3, 0.6, 1, 1.6, 2.6, 4.2], "below": [-0.12, -0.25, -0.5, -0.8, -1.4, -2.6]}
LOW, HIGH = 1e-4, 1 - 1e-4


@functools.cache
def nearest(c, t, share, delta):
    """The null with harm delta that is nearest to (c, t) by relative entropy."""

    def slope(p):
        return sum(w * (z - q) / (z * (1 - z)) for w, q, z in ((1 - share, c, p), (share, t, p + delta)))

    least, most = max(0, -delta), min(1, 1 - delta)
    return optimize.brentq(slope, least + 1e-12, most - 1e-12, xtol=1e-15, rtol=1e-14)


def share_evidence(strata, delta, side):
    logs = []
    for odds in ODDS:
        c = special.expit(odds)
        for beyond in BEYOND[side]:
            t = np.clip(special.expit(special.logit(np.clip(c + delta, LOW, HIGH)) + beyond), LOW, HIGH)
            if not (t - c > delta if side == "above" else t - c < delta):
                continue
            total = 0.0
            for share, (n_c, bad_c), (n_t, bad_t) in strata:
                p = nearest(c, t, share, delta)
                total += special.xlogy(bad_c, c / p) + special.xlogy(n_c - bad_c, (1 - c) / (1 - p))
                total += special.xlogy(bad_t, t / (p + delta)) + special.xlogy(n_t - bad_t, (1 - t) / (1 - p - delta))
            logs.append(total)
    return float(special.logsumexp(logs) - math.log(len(logs)))


def level_evidence(t, freedom, size, side, deviation=0.35):
    """The half-normal mixture over effects, integrated, with the noncentral t distribution for the likelihood."""
    t = t if side == "above" else -t
    alone = stats.t.logpdf(t, freedom)

    def integrand(effect):
        # Far out on the other side scipy's density is no number where it is nothing.
        likelihood = np.nan_to_num(stats.nct.pdf(t, freedom, effect * math.sqrt(size)))
        return 2 * stats.norm.pdf(effect, 0, deviation) * likelihood

    value, _ = integrate.quad(integrand, 0, 8 * deviation, epsabs=0, epsrel=1e-8, limit=200, points=[0.1, 0.2, 0.4])
    return math.log(value) - alone


def sums(values):
    return {"units": len(values), "sum": math.fsum(values), "squares": math.fsum(values**2)}


def bound(evidence, alpha, estimate, step):
    """The first harm that is refuted, on the side to which `step` goes."""
    refuted = estimate + step
    while evidence(refuted) + math.log(alpha) < 0:
        refuted += step
    return optimize.brentq(lambda delta: evidence(delta) + math.log(alpha), refuted - step, refuted, xtol=1e-10)


random = np.random.default_rng(20260)
out = {"nearest": [], "shares": [], "levels": [], "balance": []}

for c, t, share, delta in [
    (0.2, 0.35, 0.01, 0.0),
    (0.2, 0.35, 0.25, 0.05),
    (0.7, 0.72, 0.5, 0.05),
    (0.05, 0.02, 0.1, 0.03),
    (0.9, 0.5, 0.5, -0.2),
]:
    out["nearest"].append({"current": c, "candidate": t, "share": share, "delta": delta, "found": nearest(c, t, share, delta)})

for strata in [
    [(0.5, (100, 20), (100, 38))],
    [(0.01, (990, 700), (10, 9)), (0.05, (380, 270), (20, 17)), (0.25, (150, 104), (50, 44))],
    [(0.1, (90, 0), (10, 4))],
    [(0.05, (400, 288.25), (21, 15.5)), (0.5, (1200, 60), (1210, 58.5))],
]:
    for delta in (0.0, 0.05):
        for side in ("above", "below"):
            out["shares"].append({"strata": strata, "delta": delta, "side": side, "log": share_evidence(strata, delta, side)})

for sizes, shift, spread in [((60, 40), 0.3, 1.0), ((400, 22), 0.25, 2.0), ((150, 140), 0.02, 1.1), ((25, 25), -0.4, 0.5)]:
    current = np.round(random.normal(11, 0.6, sizes[0]), 6)
    candidate = np.round(random.normal(11 + shift, 0.6 * spread, sizes[1]), 6)
    welch = CompareMeans(DescrStatsW(candidate), DescrStatsW(current))
    t, _, freedom = welch.ttest_ind(usevar="unequal")
    error = welch.std_meandiff_separatevar
    size = (welch.std_meandiff_pooledvar**2 / (1 / sizes[0] + 1 / sizes[1])) / error**2
    difference = candidate.mean() - current.mean()
    logs = [
        {"delta": delta, "side": side, "log": level_evidence((difference - delta) / error, freedom, size, side)}
        for delta in (0.0, 0.1)
        for side in ("above", "below")
    ]
    at_least = bound(lambda d: level_evidence((difference - d) / error, freedom, size, "above"), 0.01, difference, -error)
    at_most = bound(lambda d: level_evidence((difference - d) / error, freedom, size, "below"), 0.05, difference, error)
    out["levels"].append(
        {
            "current": sums(current),
            "candidate": sums(candidate),
            "welch": {"difference": difference, "error": error, "freedom": freedom, "size": size},
            "logs": logs,
            "bounds": {"atLeast": at_least, "atMost": at_most},
        }
    )

for share, ours, others in [(0.01, 3, 997), (0.05, 40, 400), (0.5, 500, 520), (0.25, 10, 90)]:
    n, a, b = ours + others, 40 * share, 40 * (1 - share)
    log = stats.betabinom.logpmf(ours, n, a, b) - stats.binom.logpmf(ours, n, share)
    out["balance"].append({"share": share, "candidate": ours, "current": others, "log": float(log)})

print(json.dumps(out))
