# SPDX-License-Identifier: Apache-2.0
"""Stoa beside llama.cpp on the same GGUF file, taking turns run by run.

Usage: llama.py MODEL.gguf [--pairs 7] [--threads 2] [--kernels auto] [--stoa ./stoa] [--adapter FILE] WORKLOAD:ROWS:TOKENS ...
       llama.py q4_0.gguf decode:1:48 prefill:1:512 batch:8:24

llama.cpp is called at its C API (`llama_decode`, flash attention and batch sizes as it chooses), as Stoa is at its
decoder: neither samples, neither streams. Needs llama-cpp-python built natively. Prints one line per pair, then medians of
both and of the ratios.

With several --adapter (GGUF LoRA, `stoa bench synth --adapter-of`) Stoa's rows have one each, in one batch. llama.cpp cannot
mix: in `batch` it has the first for all rows, in `alternate` it decodes row by row and changes the adapter in between.
       llama.py q4_0.gguf --adapter a.gguf --adapter b.gguf ... batch:8:24 alternate:8:24
"""
import argparse
import ctypes
import json
import random
import statistics
import subprocess
import sys
import time

import llama_cpp as L

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("workloads", nargs="+")
parser.add_argument("--pairs", type=int, default=7)
parser.add_argument("--warm", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--kernels", default="auto")
parser.add_argument("--stoa", default="./stoa")
parser.add_argument("--adapter", action="append", default=[])
options = parser.parse_args()

if any(text.startswith("alternate") for text in options.workloads) and not options.adapter:
    parser.error("alternate needs --adapter")
command = [options.stoa, "bench", "batch", "--model", options.model, "--threads", str(options.threads), "--kernels", options.kernels, "--paced", "--json"]
for adapter in options.adapter:
    command += ["--adapter", adapter]
ours = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def read():
    line = ours.stdout.readline()
    if not line:
        sys.exit("Stoa ended early")
    return json.loads(line)


def ask(text):
    ours.stdin.write(text + "\n")
    ours.stdin.flush()
    return read()


QUIET = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, data: None)
L.llama_log_set(QUIET, None)
L.llama_backend_init()
model = L.llama_model_load_from_file(options.model.encode(), L.llama_model_default_params())
settings = L.llama_context_default_params()
settings.n_ctx, settings.n_batch, settings.n_ubatch, settings.n_seq_max = 8192, 512, 512, 8
settings.n_threads = settings.n_threads_batch = options.threads
context = L.llama_init_from_model(model, settings)
vocabulary = L.llama_vocab_n_tokens(L.llama_model_get_vocab(model))
draw = random.Random(1)
loras = []
for adapter in options.adapter:
    lora = L.llama_adapter_lora_init(model, adapter.encode())
    if not lora:
        sys.exit(f"llama.cpp cannot read {adapter}")
    loras.append(lora)


def mount(index):
    """Puts one adapter on the whole context: llama.cpp has no other way."""
    if not loras:
        return
    adapters, scales = (L.llama_adapter_lora_p_ctypes * 1)(loras[index]), (ctypes.c_float * 1)(1.0)
    if L.llama_set_adapters_lora(context, adapters, 1, scales) != 0:
        sys.exit("llama_set_adapters_lora failed")


mount(0)


def decode(tokens, positions, sequences, wanted):
    batch = L.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for i in range(len(tokens)):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = tokens[i], positions[i], 1, wanted[i]
        batch.seq_id[i][0] = sequences[i]
    start = time.perf_counter()
    if L.llama_decode(context, batch) != 0:
        sys.exit("llama_decode failed")
    L.llama_synchronize(context)
    seconds = time.perf_counter() - start
    L.llama_batch_free(batch)
    return seconds


def peer(workload, rows, count):
    L.llama_memory_clear(L.llama_get_memory(context), True)
    if workload == "prefill":
        seconds = 0
        for start in range(0, count, 512):
            n = min(512, count - start)
            seconds += decode([draw.randrange(vocabulary) for _ in range(n)], range(start, start + n), [0] * n, [int(start + i == count - 1) for i in range(n)])
        return count / seconds
    seconds = 0
    if workload == "alternate":  # a row of each adapter per step, one after the other; the change of adapter is part of it
        for step in range(count + 4):
            for row in range(rows):
                start = time.perf_counter()
                mount(row % len(loras))
                decode([draw.randrange(vocabulary)], [step], [row], [1])
                if step >= 4:
                    seconds += time.perf_counter() - start
        mount(0)
        return rows * count / seconds
    for step in range(count + 4):
        taken = decode([draw.randrange(vocabulary) for _ in range(rows)], [step] * rows, range(rows), [1] * rows)
        if step >= 4:
            seconds += taken
    return rows * count / seconds


ready = read()
print("Stoa:", ready["kernels"], "| model", ready["model_hash"][:12], "|", round(ready["weight_bytes"] / 1e6), "MB of matrices")
for _ in range(16):  # short prompts until the compiler is done with the loops that long ones run in
    ask("prefill 1 64")
for text in options.workloads:
    workload, rows, count = text.split(":")
    rows, count = int(rows), int(count)
    pairs = []
    for i in range(options.warm + options.pairs):
        answer = ask(f"{'batch' if workload == 'alternate' else workload} {rows} {count}")
        own = answer["prefill" if workload == "prefill" else "decode"]
        other = peer(workload, rows, count)
        if i < options.warm:
            continue
        pairs.append((own, other))
        print(f"  {text}: {own:8.1f} {other:8.1f} {own / other:6.2f}x", flush=True)
    ratios = sorted(a / b for a, b in pairs)
    own, other = (statistics.median(p[k] for p in pairs) for k in (0, 1))
    print(f"{text}: Stoa {own:.1f}, llama.cpp {other:.1f} tokens/s; ratio {statistics.median(ratios):.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f}), {len(pairs)} pairs", flush=True)
print("limits", json.dumps({k: round(v, 1) for k, v in ask("limits").items() if k != "type"}))
ours.stdin.close()
print("Stoa's peak", round(read()["data"]["peak_bytes"] / 1e6), "MB")
ours.wait()
