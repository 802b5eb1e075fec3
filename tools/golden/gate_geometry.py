#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Angles between the spans of dense low-rank updates, and ranks of single updates, by numpy's QR and SVD.

python tools/golden/gate_geometry.py
"""
import json
import pathlib

import numpy as np

OUT = pathlib.Path("experts/src/test/resources/golden/gate-geometry.json")


def factors(rng, layers, rank, rows, cols):
    return [
        {
            "a": rng.integers(-9, 10, (rank, cols)).tolist(),
            "b": rng.integers(-9, 10, (rows, rank)).tolist(),
            "scale": float(rng.choice([0.25, 0.5, 1, 2, 3.5])),
        }
        for _ in range(layers)
    ]


def dense(delta):
    return delta["scale"] * np.array(delta["b"], float) @ np.array(delta["a"], float)


def span(side):
    columns = np.stack([dense(delta).ravel() for delta in side], 1)
    return np.linalg.qr(columns)[0]


def angle(prior, new):
    cosines = np.linalg.svd(span(prior).T @ span(new), compute_uv=False)
    return float(np.degrees(np.arccos(min(1.0, cosines[0]))))


def ranks(delta):
    s = np.linalg.svd(dense(delta), compute_uv=False)
    s = s[s > s[0] * 1e-14]
    p = s / s.sum()
    return {
        "norm": float(np.sqrt((s**2).sum())),
        "effective_rank": float(np.exp(-(p * np.log(p)).sum())),
        "stable_rank": float((s**2).sum() / s[0] ** 2),
    }


def main():
    rng = np.random.default_rng(20260101)
    cases = []
    while len(cases) < 100:
        layers = int(rng.integers(1, 4))
        rows, cols = (int(n) for n in rng.integers(4, 9, 2))
        prior = factors(rng, layers, int(rng.integers(1, 4)), rows, cols)
        new = factors(rng, layers, int(rng.integers(1, 4)), rows, cols)
        conditions = [np.linalg.cond(np.stack([dense(d).ravel() for d in side], 1)) for side in (prior, new)]
        if max(conditions) > 50:
            continue
        cases.append({"prior": prior, "new": new, "angle": angle(prior, new), "ranks": ranks(new[0])})
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")


main()
