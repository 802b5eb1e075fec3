# SPDX-License-Identifier: Apache-2.0
"""Tokens per second of the demo base's pretraining in PyTorch: the shape, batch, loss and optimizers of TrainSpeed.

Usage: pretrain_torch.py THREADS VOCAB STEPS. Data generation is not timed. Needs torch only.
"""
import math
import random
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

THREADS, VOCAB, STEPS = (int(a) for a in sys.argv[1:4])
WIDTH, LAYERS, HEADS, KV_HEADS, FFN, ROWS, CONTEXT = 128, 3, 4, 2, 320, 16, 256
torch.set_num_threads(THREADS)
torch.manual_seed(1)
random.seed(1)


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        return F.rms_norm(x, (WIDTH,), self.w, 1e-6)


def rope(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        dim = WIDTH // HEADS
        self.n1, self.n2 = Norm(), Norm()
        self.q, self.o = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.k, self.v = nn.Linear(WIDTH, KV_HEADS * dim, bias=False), nn.Linear(WIDTH, KV_HEADS * dim, bias=False)
        self.gate, self.up = nn.Linear(WIDTH, FFN, bias=False), nn.Linear(WIDTH, FFN, bias=False)
        self.down = nn.Linear(FFN, WIDTH, bias=False)

    def forward(self, x, mask, cos, sin):
        b, t, _ = x.shape
        y = self.n1(x)
        q = rope(self.q(y).view(b, t, HEADS, -1).transpose(1, 2), cos, sin)
        k = rope(self.k(y).view(b, t, KV_HEADS, -1).transpose(1, 2), cos, sin)
        v = self.v(y).view(b, t, KV_HEADS, -1).transpose(1, 2)
        k, v = k.repeat_interleave(HEADS // KV_HEADS, 1), v.repeat_interleave(HEADS // KV_HEADS, 1)
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.o(a.transpose(1, 2).reshape(b, t, WIDTH))
        y = self.n2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(VOCAB, WIDTH)
        self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
        self.n = Norm()
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02 if p is self.e.weight else 0.03)

    def forward(self, ids, mask, positions):
        f = positions[:, :, None].float() / (10000 ** (torch.arange(0, 32, 2).float() / 32))
        cos, sin = f.cos()[:, None], f.sin()[:, None]
        x = self.e(ids)
        for block in self.blocks:
            x = block(x, mask, cos, sin)
        return self.n(x) @ self.e.weight.t()


@torch.no_grad()
def muon(parameters, momentum, rate):
    for p in parameters:
        b = momentum.setdefault(p, torch.zeros_like(p))
        b.mul_(0.95).add_(p.grad)
        x = p.grad + 0.95 * b
        x = x / (x.norm() + 1e-7)
        tall = x.shape[0] > x.shape[1]
        x = x.t() if tall else x
        for _ in range(5):
            g = x @ x.t()
            x = 3.4445 * x + (-4.7750 * g + 2.0315 * g @ g) @ x
        x = x.t() if tall else x
        p.mul_(1 - rate * 0.1).add_(x, alpha=-rate * math.sqrt(max(1, p.shape[0] / p.shape[1])))


def batch():
    ids = torch.randint(0, VOCAB, (ROWS, CONTEXT))
    target = torch.full((ROWS, CONTEXT), -100)
    weight = torch.zeros(ROWS, CONTEXT)
    segment = torch.zeros(ROWS, CONTEXT, dtype=torch.long)
    positions = torch.zeros(ROWS, CONTEXT, dtype=torch.long)
    tokens = 0
    for row in range(ROWS):
        at, index = 0, 1
        while True:
            length = random.randint(24, 56)
            if at + length > CONTEXT:
                break
            target[row, at:at + length - 1] = ids[row, at + 1:at + length]
            weight[row, at:at + length - 1] = 0.1
            weight[row, at + length - 1 - length // 4:at + length - 1] = 1
            segment[row, at:at + length] = index
            positions[row, at:at + length] = torch.arange(length)
            at, index, tokens = at + length, index + 1, tokens + length
    mask = (segment[:, :, None] == segment[:, None, :]) & torch.tril(torch.ones(CONTEXT, CONTEXT, dtype=torch.bool))
    return ids, target, weight, mask[:, None], positions, tokens


model = Base()
matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and not n.startswith("e.")]
others = [p for n, p in model.named_parameters() if not (p.dim() == 2 and not n.startswith("e."))]
adam = torch.optim.AdamW(others, lr=3e-3, betas=(0.9, 0.95), weight_decay=0.1)
momentum, rates = {}, []
for step in range(STEPS):
    ids, target, weight, mask, positions, tokens = batch()
    start, cpu = time.perf_counter(), time.process_time()
    logits = model(ids, mask, positions)
    loss = F.cross_entropy(logits.view(-1, VOCAB), target.view(-1), ignore_index=-100, reduction="none")
    loss = (loss * weight.view(-1)).sum() / weight.sum()
    model.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    adam.step()
    muon(matrices, momentum, 0.02)
    seconds = time.perf_counter() - start
    rates.append((tokens / seconds, tokens / (time.process_time() - cpu)))
warm = rates[len(rates) // 3:]
wall, cpu = sorted(r[0] for r in warm), sorted(r[1] for r in warm)
print(f"torch {torch.__version__}, {THREADS} threads: {statistics.median(wall):,.0f} tokens/s (median of {len(warm)} steps, "
      f"p10 {wall[len(wall) // 10]:,.0f}, p90 {wall[len(wall) * 9 // 10]:,.0f}); {statistics.median(cpu):,.0f} per CPU second of all "
      f"threads (p10 {cpu[len(cpu) // 10]:,.0f}, p90 {cpu[len(cpu) * 9 // 10]:,.0f})")
