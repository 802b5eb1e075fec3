#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tiny random models saved by transformers in both config dialects, adapters saved by PEFT, and their logits.

python tools/golden/logits.py
"""
import hashlib
import json
import pathlib
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen3Config

OUT = pathlib.Path("engine/src/test/resources/golden/logits")
SIZE = dict(vocab_size=61, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=128, eos_token_id=[3, 2], bos_token_id=1)
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 24}
CASES = {
    "llama-llama3": (LlamaConfig(**SIZE, rope_parameters=LLAMA3 | {"rope_theta": 5000.0}, attention_bias=True,
                                 mlp_bias=True, rms_norm_eps=1e-5), "float32", 5),
    "llama-v4-linear": (LlamaConfig(**SIZE, rope_parameters={"rope_type": "linear", "factor": 2.5, "rope_theta": 10000.0},
                                    tie_word_embeddings=True), "float32", 4),
    "qwen3-bf16": (Qwen3Config(**SIZE, head_dim=12, tie_word_embeddings=True), "bfloat16", 5),
    "qwen3-v4-yarn": (Qwen3Config(**SIZE, head_dim=16, rope_parameters=YARN | {"rope_theta": 1e6}), "float16", 4),
    "qwen3-window": (Qwen3Config(**SIZE, head_dim=8, use_sliding_window=True, sliding_window=6, max_window_layers=1),
                     "bfloat16", 5),
}
ADAPTERS = {
    "llama-llama3": dict(r=3, lora_alpha=5, target_modules=["q_proj", "o_proj", "down_proj", "lm_head"], use_rslora=True),
    "qwen3-bf16": dict(r=4, lora_alpha=8, target_modules="all-linear"),
}


def older_dialect(path):
    """Rewrites config.json as transformers 4 wrote it."""
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.51.3"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def randomize(model, generator):
    """Weights large enough that every mistake shows."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            deviation = 0.3 if p.dim() == 1 else 1.0 if "embed_tokens" in name else p.shape[1] ** -0.5
            p.copy_(torch.randn(p.shape, generator=generator) * deviation + (1.0 if "norm" in name else 0.0))


def logits(model, ids):
    with torch.no_grad():
        return model(input_ids=ids).logits[0].float().contiguous()


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    for number, (name, (config, dtype, dialect)) in enumerate(CASES.items()):
        path = OUT / name
        generator = torch.Generator().manual_seed(number)
        model = AutoModelForCausalLM.from_config(config)
        randomize(model, generator)
        model.to(getattr(torch, dtype)).save_pretrained(path)
        (path / "generation_config.json").unlink(missing_ok=True)
        if dialect == 4:
            older_dialect(path / "config.json")
        # Reloaded in F32: casting a module to bf16 would round its rotary frequencies too.
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
        ids = torch.randint(0, config.vocab_size, (1, 40), generator=generator)
        expected = {"ids": ids[0].to(torch.int32), "logits": logits(model, ids)}
        if name in ADAPTERS:
            tuned = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **ADAPTERS[name]))
            with torch.no_grad():
                for parameter, p in tuned.named_parameters():
                    if "lora_" in parameter:
                        p.copy_(torch.randn(p.shape, generator=generator) * 0.3)
            tuned.save_pretrained(path / "adapter")
            (path / "adapter" / "README.md").unlink(missing_ok=True)
            base = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
            expected["adapted"] = logits(PeftModel.from_pretrained(base, path / "adapter").eval(), ids)
        save_file(expected, path / "expected.safetensors")
    files = sorted(p for p in OUT.rglob("*") if p.is_file())
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(OUT).as_posix()}\n" for p in files]
    (OUT / "SHA256SUMS").write_text("".join(lines))


main()
