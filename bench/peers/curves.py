# SPDX-License-Identifier: Apache-2.0
"""How tokens per second fall with context, and rise with sequences at once, adapters and cores: Stoa beside llama.cpp.

Usage: curves.py MODEL.gguf [--out docs/performance] [--runs 3] [--threads 2] [--stoa ./stoa] [--only decode-context,batch,...]

Each point is measured by `stoa bench` and, right after it, by llama.cpp at its C API (`llama_decode`); medians of --runs.
Writes NAME.csv (x, engine, median, lowest, highest) and NAME.svg for every curve, and machine.txt. Needs llama-cpp-python built natively.
"""
import argparse
import csv
import ctypes
import json
import math
import os
import random
import statistics
import subprocess
import sys
import time

import llama_cpp as L

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--out", default="docs/performance")
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--stoa", default="./stoa")
parser.add_argument("--only", default="")
options = parser.parse_args()

QUIET = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, data: None)
L.llama_log_set(QUIET, None)
L.llama_backend_init()
model = L.llama_model_load_from_file(options.model.encode(), L.llama_model_default_params())
vocabulary = L.llama_vocab_n_tokens(L.llama_model_get_vocab(model))
draw = random.Random(1)
PIECE = 512


def context_of(threads, tokens, sequences):
    settings = L.llama_context_default_params()
    settings.n_ctx, settings.n_batch, settings.n_ubatch, settings.n_seq_max = tokens * sequences, PIECE, PIECE, sequences
    settings.n_threads = settings.n_threads_batch = threads
    return L.llama_init_from_model(model, settings)


def feed(context, positions, sequences, wanted):
    """Seconds of one llama_decode of random tokens."""
    n = len(positions)
    batch = L.llama_batch_init(n, 0, 1)
    batch.n_tokens = n
    for i in range(n):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = draw.randrange(vocabulary), positions[i], 1, wanted[i]
        batch.seq_id[i][0] = sequences[i]
    start = time.perf_counter()
    if L.llama_decode(context, batch) != 0:
        sys.exit("llama_decode failed")
    L.llama_synchronize(context)
    seconds = time.perf_counter() - start
    L.llama_batch_free(batch)
    return seconds


def prompt(context, tokens):
    seconds = 0
    for start in range(0, tokens, PIECE):
        n = min(PIECE, tokens - start)
        seconds += feed(context, range(start, start + n), [0] * n, [int(start + i == tokens - 1) for i in range(n)])
    return seconds


def peer(workload, threads, rows, after, tokens):
    """Samples of llama.cpp in tokens per second."""
    context = context_of(threads, (after if workload == "decode" else 0) + tokens + 16, rows)
    samples = []
    for run in range(1 + options.runs):
        L.llama_memory_clear(L.llama_get_memory(context), True)
        if workload == "prefill":
            rate = tokens / prompt(context, tokens)
        else:
            if after:
                prompt(context, after)
            seconds = 0
            for step in range(4 + tokens):
                taken = feed(context, [after + step] * rows, range(rows), [1] * rows)
                seconds += taken if step >= 4 else 0
            rate = rows * tokens / seconds
        if run:
            samples.append(rate)
    L.llama_free(context)
    return samples


machine = []


def ours(workload, threads, rows, after, tokens, adapters=0):
    """Samples of Stoa in tokens per second."""
    command = [options.stoa, "bench", workload, "--model", options.model, "--threads", str(threads), "--rows", str(rows), "--tokens", str(tokens),
               "--after", str(after), "--runs", str(options.runs), "--json"]
    if adapters:
        command += ["--random-adapters", str(adapters), "--rank", "8"]
    lines = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout.splitlines()
    data = json.loads(lines[-1])["data"]
    machine[:] = [data["machine"], data["kernels"], "model " + data["model_hash"]]
    return data["samples_prefill" if workload == "prefill" else "samples_decode"]


COLORS = {"Stoa": "#1f5fbf", "llama.cpp": "#c8641e"}


def nice(limit):
    """A round step with about five grid lines up to the limit."""
    raw = limit / 5
    power = 10 ** math.floor(math.log10(raw))
    return next(power * m for m in (1, 2, 5, 10) if power * m >= raw)


def plot(path, title, axis, series):
    width, height, left, right, top, bottom = 640, 360, 64, 110, 44, 48
    xs = sorted({x for points in series.values() for x, *_ in points})
    most = max(high for points in series.values() for *_, high in points)
    step = nice(most)
    ceiling = step * math.ceil(most / step)
    place = {x: left + (width - left - right) * (i / max(1, len(xs) - 1)) for i, x in enumerate(xs)}

    def y(value):
        return height - bottom - (height - top - bottom) * value / ceiling

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" role="img">',
           f"<title>{title}</title>", f'<rect width="{width}" height="{height}" fill="#fff"/>',
           f'<text x="{left}" y="22" font-size="15" fill="#222">{title}</text>', f'<text x="{left}" y="38" fill="#666">tokens per second</text>']
    for i in range(round(ceiling / step) + 1):
        value = i * step
        out.append(f'<line x1="{left}" x2="{width - right}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#444">{value:g}</text>')
    for x in xs:
        out.append(f'<text x="{place[x]:.1f}" y="{height - bottom + 18}" text-anchor="middle" fill="#444">{x:,}</text>')
    out.append(f'<text x="{(left + width - right) / 2:.0f}" y="{height - 10}" text-anchor="middle" fill="#444">{axis}</text>')
    for name, points in series.items():
        color = COLORS[name]
        line = " ".join(f"{place[x]:.1f},{y(middle):.1f}" for x, middle, _, _ in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        for x, middle, low, high in points:
            out.append(f'<line x1="{place[x]:.1f}" x2="{place[x]:.1f}" y1="{y(low):.1f}" y2="{y(high):.1f}" stroke="{color}"/>')
            out.append(f'<circle cx="{place[x]:.1f}" cy="{y(middle):.1f}" r="3.5" fill="{color}"/>')
        x, middle, *_ = points[-1]
        out.append(f'<text x="{place[x] + 10:.1f}" y="{y(middle) + 4:.1f}" fill="{color}">{name} {middle:.0f}</text>')
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n</svg>\n")


THREADS = options.threads
# name -> title, x axis, points: x -> (our arguments, llama.cpp's or None)
CURVES = {
    "decode-context": ("One sequence, by the tokens before it", "tokens of context",
                       {n: (("decode", THREADS, 1, n, 24), ("decode", THREADS, 1, n, 24)) for n in (128, 512, 1024, 2048, 4096)}),
    "prefill-context": ("A prompt, by its length", "tokens of prompt",
                        {n: (("prefill", THREADS, 1, 0, n), ("prefill", THREADS, 1, 0, n)) for n in (128, 512, 1024, 2048, 4096)}),
    "batch": ("Sequences at once, together", "sequences",
              {n: (("batch", THREADS, n, 0, 24), ("decode", THREADS, n, 0, 24)) for n in (1, 2, 4, 8, 16, 32)}),
    "adapters": ("Sixteen sequences with as many different rank 8 adapters (llama.cpp: without any)", "different adapters in the batch",
                 {n: (("batch", THREADS, 16, 0, 16, n), ("decode", THREADS, 16, 0, 16) if n == 0 else None) for n in (0, 1, 2, 4, 8, 16)}),
    "cores": ("One sequence, by threads", "threads",
              {n: (("decode", n, 1, 0, 24), ("decode", n, 1, 0, 24)) for n in range(1, THREADS + 1)}),
    "cores-prefill": ("A prompt of 512, by threads", "threads",
                      {n: (("prefill", n, 1, 0, 512), ("prefill", n, 1, 0, 512)) for n in range(1, THREADS + 1)}),
}

os.makedirs(options.out, exist_ok=True)
for name, (title, axis, points) in CURVES.items():
    if options.only and name not in options.only.split(","):
        continue
    series = {}
    for x, (own, other) in points.items():
        measured = {"Stoa": ours(*own)}
        if other:
            measured["llama.cpp"] = peer(*other)
        for engine, samples in measured.items():
            series.setdefault(engine, []).append((x, statistics.median(samples), min(samples), max(samples)))
            print(f"{name} {x} {engine}: {statistics.median(samples):.1f} ({min(samples):.1f} to {max(samples):.1f})", flush=True)
    with open(os.path.join(options.out, name + ".csv"), "w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["x", "engine", "tokens_per_s", "lowest", "highest"])
        for engine, all_points in series.items():
            rows.writerows([x, engine, *(f"{value:.1f}" for value in values)] for x, *values in all_points)
    plot(os.path.join(options.out, name + ".svg"), title, axis, series)
with open(os.path.join(options.out, "machine.txt"), "w") as file:
    file.write("\n".join([*machine, f"llama-cpp-python {L.__version__}: " + L.llama_print_system_info().decode().strip(), f"{options.runs} runs a point"]) + "\n")
