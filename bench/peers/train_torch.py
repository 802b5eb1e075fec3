# SPDX-License-Identifier: Apache-2.0
"""Stoa beside PyTorch + PEFT on CPU: one optimizer step of a LoRA run each, in turns.

Usage: train_torch.py MODEL [--compute bf16|f32] [--recompute] [--tokens 512] [--rows 1] [--rank 16] [--threads 2] [--pairs 7] [--warm 3]
                      [--config bench/shapes/qwen3-0.6b.json] [--stoa ./stoa] [--against MODEL]
       train_torch.py bf16.gguf --compute bf16
       train_torch.py q4_0.gguf --against bf16.gguf

MODEL is what Stoa trains on (`stoa bench synth --quant BF16 --pure` writes one); PyTorch has random weights in the shape of
--config, in bf16 or fp32 as --compute says, with LoRA on all seven linear layers, no mask, and the same choice about
checkpointing. A step is forward, backward, clipping and AdamW. With --against, Stoa on that model takes PyTorch's place: what
quantized weights cost. Prints one line per pair, then medians of both and of the ratios, and the peak resident memory of both
processes. Needs torch, transformers and peft.
"""
import argparse
import json
import statistics
import subprocess
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--against")
parser.add_argument("--compute", choices=["bf16", "f32"], default="bf16")
parser.add_argument("--recompute", action="store_true")
parser.add_argument("--tokens", type=int, default=512)
parser.add_argument("--rows", type=int, default=1)
parser.add_argument("--rank", type=int, default=16)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--pairs", type=int, default=7)
parser.add_argument("--warm", type=int, default=3)
parser.add_argument("--config", default="bench/shapes/qwen3-0.6b.json")
parser.add_argument("--stoa", default="./stoa")
parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
options = parser.parse_args()


def peer():
    """One step for each line of input."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    raw = json.load(open(options.config))
    if raw.pop("model_type") != "qwen3":
        sys.exit("the peer builds qwen3 shapes only")
    kind = {"bf16": torch.bfloat16, "f32": torch.float32}[options.compute]
    torch.set_default_dtype(kind)
    model = Qwen3ForCausalLM(Qwen3Config(**raw))
    torch.set_default_dtype(torch.float32)
    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = get_peft_model(model, LoraConfig(r=options.rank, lora_alpha=2 * options.rank, target_modules=modules, task_type="CAUSAL_LM"))
    if options.recompute:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0)
    print(json.dumps({"kernels": f"PyTorch {torch.__version__}, {sum(p.numel() for p in trained)} trained parameters"}), flush=True)
    for _ in sys.stdin:
        ids = torch.randint(0, raw["vocab_size"], (options.rows, options.tokens))
        start = time.perf_counter()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss = loss.item()
        rate = options.rows * options.tokens / (time.perf_counter() - start)
        with open("/proc/self/status") as status:
            peak = next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        print(json.dumps({"tokens_per_s": rate, "loss": loss, "peak_rss_bytes": peak}), flush=True)


if options.peer:
    peer()
    sys.exit()


def start(command):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return process, read(process)


def read(process):
    line = process.stdout.readline()
    if not line:
        sys.exit("a trainer ended early: " + " ".join(process.args))
    return json.loads(line)


def step(process):
    process.stdin.write("step\n")
    process.stdin.flush()
    return read(process)


def stoa(model):
    command = [options.stoa, "bench", "train", "--model", model, "--compute", options.compute, "--paced", "--json"]
    for name in ("tokens", "rows", "rank", "threads"):
        command += ["--" + name, str(getattr(options, name))]
    return start(command + (["--recompute"] if options.recompute else []))


ours, ready = stoa(options.model)
if options.against:
    other, peer_ready = stoa(options.against)
else:
    other, peer_ready = start([sys.executable, __file__] + sys.argv[1:] + ["--peer"])
print("Stoa:", ready["kernels"], ready["products"], "| model", ready["model_hash"][:12])
print("peer:", peer_ready["kernels"], peer_ready.get("products", ""), options.against or "")
pairs = []
for i in range(options.warm + options.pairs):
    a, b = step(ours), step(other)
    if i < options.warm:
        continue
    pairs.append((a["tokens_per_s"], b["tokens_per_s"]))
    print(f"  {pairs[-1][0]:8.1f} {pairs[-1][1]:8.1f} {pairs[-1][0] / pairs[-1][1]:6.2f}x", flush=True)
ratios = sorted(x / y for x, y in pairs)
mine, theirs = (statistics.median(p[k] for p in pairs) for k in (0, 1))
memory = a["peak_rss_bytes"], b["peak_rss_bytes"]
print(f"{options.compute}{' recomputed' if options.recompute else ''}, {options.rows} x {options.tokens} tokens, rank {options.rank}: "
      f"Stoa {mine:.1f}, peer {theirs:.1f} tokens/s; ratio {statistics.median(ratios):.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f}), {len(pairs)} pairs; "
      f"peak {memory[0] / 1e9:.2f} against {memory[1] / 1e9:.2f} GB: {100 * memory[0] / memory[1]:.0f} %")
for process in (ours, other):
    process.stdin.close()
    process.wait()
