# SPDX-License-Identifier: Apache-2.0
"""Ten losses of a 2-layer Llama trained by PyTorch's AdamW on three samples, for TrainingGoldenTest.

Usage: training.py OUT_DIR. Writes the model as transformers saves it, and losses.json.
"""
import json
import sys
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

out = Path(sys.argv[1])
torch.manual_seed(7)
config = LlamaConfig(vocab_size=48, hidden_size=32, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4,
                     num_key_value_heads=2, head_dim=8, max_position_embeddings=64, rope_theta=10000.0,
                     rms_norm_eps=1e-5, tie_word_embeddings=True, attention_bias=False, initializer_range=0.2)
model = LlamaForCausalLM(config).float()
model.save_pretrained(out, safe_serialization=True)
(out / "generation_config.json").unlink(missing_ok=True)
samples = [torch.randint(0, 48, (n,)).tolist() for n in (9, 17, 5)]
weights = [[0.0] + [round(0.1 + 0.9 * (i % 3 == 0), 1) for i in range(1, len(s))] for s in samples]
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
losses = []
for step in range(10):
    total, weight = 0.0, sum(map(sum, weights))
    for ids, w in zip(samples, weights):
        logits = model(torch.tensor([ids])).logits[0, :-1]
        nll = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none")
        total = total + (nll * torch.tensor(w[1:])).sum()
    loss = total / weight
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
(out / "losses.json").write_text(json.dumps({"samples": samples, "weights": weights, "losses": losses}) + "\n")
print(losses)
