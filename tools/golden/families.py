#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tiny random models of every family as transformers saves them, and what transformers computes from them.

python tools/golden/families.py                         # the committed cases
python tools/golden/families.py --sweep DIR SEED COUNT  # COUNT random cases per family, for a wide look; not committed

torch 2.15 (CPU), transformers 5.23, peft 0.21, safetensors. F32, eager attention; the saved model is loaded again
before logits are taken, since casting a module to bf16 also rounds its rotary frequencies.
"""
import hashlib
import json
import pathlib
import random
import shutil
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (AutoModel, AutoModelForCausalLM, BertConfig, Gemma2Config, Gemma3TextConfig, Gemma4TextConfig,
                          LlamaConfig, MiniMaxM2Config, MPNetConfig, Qwen2Config, Qwen3_5MoeTextConfig, Qwen3_5TextConfig,
                          Qwen3Config, Qwen3MoeConfig)

OUT = pathlib.Path("engine/src/test/resources/golden/families")
ENCODERS = ("bert", "mpnet")


def ropes(r, partial=None):
    """One of the scalings every family accepts."""
    theta = r.choice([1e4, 5e5, 777.0])
    kind = r.choice(["default", "default", "linear", "llama3", "yarn"])
    rope = {"rope_type": kind, "rope_theta": theta}
    if kind != "default":
        rope["factor"] = r.choice([2.0, 3.5, 8.0])
    if kind == "llama3":
        rope |= {"low_freq_factor": 1.0, "high_freq_factor": r.choice([4.0, 2.0]), "original_max_position_embeddings": 16}
    if kind == "yarn":
        rope["original_max_position_embeddings"] = r.choice([24, 32])
        if r.random() < 0.4:
            rope |= {"beta_fast": 16.0, "beta_slow": 2.0}
        if r.random() < 0.3:
            rope["attention_factor"] = 1.25
        if r.random() < 0.3:
            rope["truncate"] = False
    if partial:
        rope["partial_rotary_factor"] = partial
    return rope


def sizes(r, layers=None):
    kv = r.choice([1, 2])
    heads = kv * r.choice([1, 2, 3])
    return dict(vocab_size=r.choice([61, 64, 73]), hidden_size=r.choice([32, 40, 48]), intermediate_size=r.choice([24, 40, 64]),
                num_hidden_layers=layers or r.choice([2, 3]), num_attention_heads=heads, num_key_value_heads=kv,
                max_position_embeddings=r.choice([64, 128]), eos_token_id=[3, 2], bos_token_id=1, pad_token_id=0)


def llama(r):
    s = sizes(r)
    s["hidden_size"] = 8 * s["num_attention_heads"] * r.choice([1, 2])
    dim = dict(head_dim=r.choice([8, 12, 16])) if r.random() < 0.5 else {}
    return LlamaConfig(**s, **dim, rope_parameters=ropes(r), attention_bias=r.random() < 0.5, mlp_bias=r.random() < 0.5,
                       rms_norm_eps=1e-5, tie_word_embeddings=r.random() < 0.5)


def qwen2(r):
    s = sizes(r)
    s["hidden_size"] = 8 * s["num_attention_heads"] * r.choice([1, 2])
    window = dict(use_sliding_window=True, sliding_window=6, max_window_layers=1) if r.random() < 0.4 else {}
    return Qwen2Config(**s, **window, rope_parameters=ropes(r), tie_word_embeddings=r.random() < 0.5)


def qwen3(r):
    window = dict(use_sliding_window=True, sliding_window=5, max_window_layers=1) if r.random() < 0.4 else {}
    return Qwen3Config(**sizes(r), **window, head_dim=r.choice([8, 12, 16]), rope_parameters=ropes(r),
                       attention_bias=r.random() < 0.3, tie_word_embeddings=r.random() < 0.5)


def qwen3_moe(r):
    sparse = r.choice([dict(), dict(mlp_only_layers=[0]), dict(decoder_sparse_step=2)])
    experts = r.choice([4, 6, 8])
    return Qwen3MoeConfig(**sizes(r), head_dim=r.choice([8, 16]), rope_parameters=ropes(r), num_experts=experts,
                          num_experts_per_tok=r.choice([1, 2, 3]), moe_intermediate_size=r.choice([12, 20]),
                          norm_topk_prob=r.random() < 0.5, tie_word_embeddings=r.random() < 0.5, **sparse)


def qwen3_5(r, cls=Qwen3_5TextConfig, **more):
    s = sizes(r, layers=4)
    keys = r.choice([1, 2])
    types = {} if r.random() < 0.5 else dict(layer_types=["linear_attention", "full_attention", "linear_attention", "linear_attention"])
    return cls(**s, **types, head_dim=r.choice([16, 32]), linear_num_key_heads=keys, linear_num_value_heads=keys * r.choice([1, 2, 3]),
               linear_key_head_dim=r.choice([8, 16]), linear_value_head_dim=r.choice([8, 12]), linear_conv_kernel_dim=r.choice([2, 4]),
               rope_parameters={"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": r.choice([0.25, 0.5]),
                                "mrope_section": [2, 1, 1], "mrope_interleaved": True},
               tie_word_embeddings=r.random() < 0.5, **more)


def qwen3_5_moe(r):
    return qwen3_5(r, Qwen3_5MoeTextConfig, num_experts=r.choice([4, 6]), num_experts_per_tok=2, moe_intermediate_size=r.choice([8, 16]),
                   shared_expert_intermediate_size=r.choice([12, 20]))


def gemma2(r):
    s = sizes(r)
    s["hidden_size"] = 8 * s["num_attention_heads"] * r.choice([1, 2])
    return Gemma2Config(**s, head_dim=r.choice([8, 16]), query_pre_attn_scalar=r.choice([8, 20]), sliding_window=6,
                        attn_logit_softcapping=r.choice([5.0, 50.0]), final_logit_softcapping=r.choice([3.0, 30.0]),
                        rope_parameters={"rope_type": "default", "rope_theta": 1e4})


def gemma3(r):
    s = sizes(r, layers=r.choice([2, 7]))
    s["hidden_size"] = 8 * s["num_attention_heads"] * r.choice([1, 2])
    full = {"rope_type": "default", "rope_theta": 1e6} if r.random() < 0.5 else {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}
    types = {} if s["num_hidden_layers"] == 7 else dict(layer_types=["full_attention", "sliding_attention"])
    return Gemma3TextConfig(**s, **types, head_dim=r.choice([8, 16]), query_pre_attn_scalar=r.choice([8, 20]), sliding_window=r.choice([4, 7]),
                            final_logit_softcapping=r.choice([None, 5.0]),
                            rope_parameters={"full_attention": full, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}})


def gemma4(r, moe=None):
    s = sizes(r, layers=4)
    moe = r.random() < 0.4 if moe is None else moe
    more = {}
    if moe:
        more |= dict(enable_moe_block=True, num_experts=r.choice([4, 6]), top_k_experts=2, moe_intermediate_size=12)
    kv_eq = r.random() < 0.5
    if kv_eq:
        more |= dict(attention_k_eq_v=True, num_global_key_value_heads=1)
    types = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]
    if not moe and r.random() < 0.6:
        more |= dict(num_kv_shared_layers=2, use_double_wide_mlp=r.random() < 0.5)
    return Gemma4TextConfig(**s, **more, layer_types=types, head_dim=r.choice([8, 16]), global_head_dim=r.choice([16, 32]),
                            sliding_window=r.choice([4, 7]), final_logit_softcapping=r.choice([None, 5.0, 30.0]),
                            hidden_size_per_layer_input=8 if "num_kv_shared_layers" in more else r.choice([0, 8]), vocab_size_per_layer_input=s["vocab_size"])


def minimax_m2(r):
    dim = r.choice([8, 16])
    return MiniMaxM2Config(**sizes(r), head_dim=dim, num_local_experts=r.choice([4, 6]), num_experts_per_tok=r.choice([2, 3]),
                           rope_parameters={"rope_type": "default", "rope_theta": 5e4, "partial_rotary_factor": r.choice([0.5, 0.25]) if dim == 16 else 0.5})


def bert(r):
    return BertConfig(vocab_size=61, hidden_size=32, intermediate_size=r.choice([40, 64]), num_hidden_layers=2,
                      num_attention_heads=r.choice([2, 4]), max_position_embeddings=64)


def mpnet(r):
    return MPNetConfig(vocab_size=61, hidden_size=32, intermediate_size=r.choice([40, 64]), num_hidden_layers=2,
                       num_attention_heads=r.choice([2, 4]), max_position_embeddings=66)


FAMILIES = {f.__name__: f for f in (llama, qwen2, qwen3, qwen3_moe, qwen3_5, qwen3_5_moe, gemma2, gemma3, gemma4, minimax_m2, bert, mpnet)}

# name: (family, seed, dtype, dialect, changes). Changes: fused experts, nested under text_config, sharded, fp8, adapter.
CASES = {
    "llama": ("llama", 11, "bfloat16", 5, {"adapter": "plain"}),
    "qwen2": ("qwen2", 101, "bfloat16", 5, {"adapter": "plain"}),  # this and the next: written in every layout
    "qwen3": ("qwen3", 100, "bfloat16", 5, {"adapter": "plain"}),
    "gemma3-plain": ("gemma3", 103, "bfloat16", 5, {"adapter": "plain", "hidden": 16}),
    "qwen3_5-square": ("qwen3_5", 134, "bfloat16", 5, {"adapter": "plain"}),  # value heads as wide as key heads, as llama.cpp wants them
    "qwen3_5_moe-square": ("qwen3_5_moe", 109, "bfloat16", 5, {"adapter": "plain"}),
    "qwen2-v4": ("qwen2", 1, "bfloat16", 4, {"adapter": "plain"}),
    "qwen2-window": ("qwen2", 7, "bfloat16", 5, {"sharded"}),
    "qwen3_moe": ("qwen3_moe", 4, "bfloat16", 5, {"adapter": "plain"}),
    "qwen3_moe-v4-fused": ("qwen3_moe", 3, "bfloat16", 4, {"fused"}),
    "qwen3_5": ("qwen3_5", 1, "bfloat16", 5, {"adapter": "dora"}),
    "qwen3_5_moe": ("qwen3_5_moe", 2, "bfloat16", 5, {"nested", "fused"}),
    "qwen3_5_moe-v4": ("qwen3_5_moe", 3, "bfloat16", 4, {"adapter": "plain"}),
    "gemma2": ("gemma2", 1, "bfloat16", 5, set()),
    "gemma3": ("gemma3", 4, "bfloat16", 5, {"adapter": "embedding"}),
    "gemma3-v4": ("gemma3", 2, "bfloat16", 4, {"nested"}),
    "gemma4-shared": ("gemma4", 2, "bfloat16", 5, {"adapter": "plain"}),
    "gemma4-moe-v4": ("gemma4", 6, "bfloat16", 4, {"hidden": 16}),  # its root is exact in BF16
    "minimax_m2-v4": ("minimax_m2", 1, "bfloat16", 4, {"adapter": "plain"}),
    "minimax_m2-fp8": ("minimax_m2", 2, "float32", 5, {"fp8"}),
    "bert": ("bert", 1, "float32", 5, set()),
    "mpnet": ("mpnet", 1, "float32", 5, set()),
}


def older_dialect(config):
    """config.json as transformers 4 wrote it."""
    kind = config["model_type"]
    rope = config.pop("rope_parameters", None)
    if kind in ("gemma3_text",):
        config["rope_theta"] = rope["full_attention"]["rope_theta"]
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        full = {k: v for k, v in rope["full_attention"].items() if k != "rope_theta"}
        config["rope_scaling"] = None if full["rope_type"] == "default" else full
        if config["num_hidden_layers"] == 7:
            config.pop("layer_types")
            config["sliding_window_pattern"] = 6
    elif kind == "gemma4_text":
        config["rope_parameters"] = rope
        full = config.pop("per_layer_config", None) or {}
        values = list(full.values())[0] if full else {}
        config["global_head_dim"] = values.get("head_dim", config["head_dim"])
        if config["attention_k_eq_v"]:
            config["num_global_key_value_heads"] = values.get("num_key_value_heads", config["num_key_value_heads"])
    elif rope:
        config["rope_theta"] = rope.pop("rope_theta")
        if "partial_rotary_factor" in rope:
            factor = rope.pop("partial_rotary_factor")
            if kind == "minimax_m2":
                config["rotary_dim"] = int(factor * config["head_dim"])
            else:
                config["partial_rotary_factor"] = factor
        config["rope_scaling"] = None if rope["rope_type"] == "default" and len(rope) == 1 else rope
    if kind == "qwen3_moe" and "num_local_experts" in config:
        config["num_experts"] = config.pop("num_local_experts")
    if kind.startswith("qwen3_5") and config.get("layer_types") == ["linear_attention"] * 3 + ["full_attention"]:
        config.pop("layer_types")
        config["full_attention_interval"] = 4
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.57.1"


def randomize(model, g):
    """Weights large enough that every mistake shows."""
    with torch.no_grad():
        named = list(model.named_parameters()) + [(n, b) for n, b in model.named_buffers()
                                                   if n.endswith(("layer_scalar", "e_score_correction_bias"))]
        for name, p in named:
            deviation = 0.3 if p.dim() == 1 else 1.0 if "embed" in name else p.shape[-1] ** -0.5
            centered = "norm" in name.lower() and p.mean() > 0.5 or name.endswith(("layer_scalar", "per_expert_scale", "router.scale"))
            if "conv1d" in name:
                deviation = 0.5
            if name.endswith("relative_attention_bias.weight"):
                deviation = 1.0
            p.copy_(torch.randn(p.shape, generator=g) * deviation + (1.0 if centered else 0.0))


def fuse(tensors):
    """Expert matrices stacked, gate above up, as newer files hold them."""
    prefixes = sorted({n.split(".experts.")[0] + ".experts" for n in tensors if ".experts.0." in n})
    for prefix in prefixes:
        count = len({n[len(prefix) + 1:].split(".")[0] for n in tensors if n.startswith(prefix + ".")})
        take = lambda e, part: tensors.pop(f"{prefix}.{e}.{part}_proj.weight")
        tensors[prefix + ".gate_up_proj"] = torch.stack([torch.cat([take(e, "gate"), take(e, "up")]) for e in range(count)])
        tensors[prefix + ".down_proj"] = torch.stack([take(e, "down") for e in range(count)])


def to_fp8(tensors):
    """Matrices of the layers as E4M3 with one scale per 128 x 128 block, as MiniMax publishes them."""
    for name in [n for n, t in tensors.items() if "layers." in n and t.dim() == 2 and ".gate.weight" not in n]:
        w = tensors[name].float()
        rows, cols = (w.shape[0] + 127) // 128, (w.shape[1] + 127) // 128
        scale, out = torch.zeros(rows, cols), torch.zeros_like(w)
        for i in range(rows):
            for j in range(cols):
                block = w[i * 128:(i + 1) * 128, j * 128:(j + 1) * 128]
                scale[i, j] = block.abs().max() / 448
                out[i * 128:(i + 1) * 128, j * 128:(j + 1) * 128] = block / scale[i, j]
        tensors[name] = out.to(torch.float8_e4m3fn)
        tensors[name + "_scale_inv"] = scale
    return {n: from_fp8(tensors, n) for n in tensors if not n.endswith("_scale_inv")}


def from_fp8(tensors, name):
    t = tensors[name]
    if t.dtype != torch.float8_e4m3fn:
        return t
    scale = tensors[name + "_scale_inv"].repeat_interleave(128, 0).repeat_interleave(128, 1)
    return t.float() * scale[:t.shape[0], :t.shape[1]]


def run(model, ids, family):
    with torch.no_grad():
        if family not in ENCODERS:
            return {"logits": model(input_ids=ids).logits[0].float().contiguous()}
        hidden = model(input_ids=ids).last_hidden_state[0].float()
        mean = hidden.mean(0, keepdim=True)
        return {"hidden": hidden.contiguous(), "embedding": (mean / mean.norm()).contiguous()}


def load(path, family):
    kind = AutoModel if family in ENCODERS else AutoModelForCausalLM
    model = kind.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
    dtype = getattr(torch, json.loads((path / "config.json").read_text())["dtype"])
    for module in model.modules():  # Gemma's embedding scale has the precision of the file's embedding
        if hasattr(module, "embed_scale"):
            module.embed_scale = module.embed_scale.to(dtype).float()
    return model


def adapter(path, family, ids, g, kind):
    base = load(path, family)
    linears = [n for n, m in base.named_modules() if isinstance(m, torch.nn.Linear) and n != "lm_head"]
    if kind == "embedding":
        linears += ["model.embed_tokens"]
    if not base.config.tie_word_embeddings:
        linears += ["lm_head"]
    config = LoraConfig(task_type="CAUSAL_LM", r=3, lora_alpha=5, target_modules=linears, use_rslora=kind == "plain",
                        use_dora=kind == "dora", rank_pattern={"o_proj": 2}, alpha_pattern={"o_proj": 7})
    tuned = get_peft_model(base, config)
    with torch.no_grad():
        for name, p in tuned.named_parameters():
            if "lora_" in name:
                if "magnitude" in name:
                    p.mul_(1 + 0.2 * torch.rand(p.shape, generator=g))
                else:
                    p.copy_(torch.randn(p.shape, generator=g) * 0.3)
    tuned.save_pretrained(path / "adapter")
    (path / "adapter" / "README.md").unlink(missing_ok=True)
    return run(PeftModel.from_pretrained(load(path, family), path / "adapter").eval(), ids, family)["logits"]


def make(path, family, seed, dtype, dialect, changes, small_ids=24):
    r = random.Random(f"{family} {seed}")
    g = torch.Generator().manual_seed(seed)
    config = FAMILIES[family](r)
    if "hidden" in changes:
        config.hidden_size = changes["hidden"]
    kind = AutoModel if family in ENCODERS else AutoModelForCausalLM
    model = kind.from_config(config)
    randomize(model, g)
    model.to(getattr(torch, dtype)).save_pretrained(path)
    (path / "generation_config.json").unlink(missing_ok=True)
    file = path / "model.safetensors"
    if "fp8" in changes:
        tensors = load_file(file)
        plain = to_fp8(tensors)
        save_file(plain, file, metadata={"format": "pt"})
    ids = torch.randint(5, config.vocab_size, (1, small_ids), generator=g)
    expected = {"ids": ids[0].to(torch.int32)} | run(load(path, family), ids, family)
    if "adapter" in changes:
        expected["adapted"] = adapter(path, family, ids, g, changes["adapter"])
    saved = json.loads((path / "config.json").read_text())
    if dialect == 4:
        older_dialect(saved)
    tensors = load_file(file) if "fp8" not in changes else tensors
    if "fused" in changes:
        fuse(tensors)
    if "fp8" in changes:
        saved["quantization_config"] = {"activation_scheme": "dynamic", "fmt": "float8_e4m3fn", "quant_method": "fp8",
                                        "weight_block_size": [128, 128]}
    if "nested" in changes:
        outer = saved["model_type"].removesuffix("_text")
        saved = {"model_type": outer, "architectures": ["Any"], "text_config": saved, "vision_config": {"depth": 1, "hidden_size": 8},
                 "image_token_id": 60, "vision_start_token_id": 59, "transformers_version": saved.pop("transformers_version")}
        tensors = {("model.language_model." + n[6:] if n.startswith("model.") else n): t for n, t in tensors.items()}
        tower = "model.visual." if outer.startswith("qwen") else "model.vision_tower."
        tensors[tower + "blocks.0.norm1.weight"] = torch.ones(8)
    (path / "config.json").write_text(json.dumps(saved, indent=1, sort_keys=True) + "\n")
    file.unlink()
    if "sharded" in changes:
        names = sorted(tensors)
        weight_map = {}
        for part in range(3):
            name = f"model-{part + 1:05d}-of-00003.safetensors"
            chunk = {n: tensors[n] for n in names[part::3]}
            save_file(chunk, path / name, metadata={"format": "pt"})
            weight_map |= {n: name for n in chunk}
        index = {"metadata": {"total_size": sum(t.numel() * t.element_size() for t in tensors.values())}, "weight_map": weight_map}
        (path / "model.safetensors.index.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")
    else:
        save_file(tensors, file, metadata={"format": "pt"})
    save_file(expected, path / "expected.safetensors")


def main():
    if sys.argv[1:2] == ["--sweep"]:
        out, first, count = pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
        only = sys.argv[5:] or list(FAMILIES)
        for family in only:
            for seed in range(first, first + count):
                r = random.Random(f"sweep {family} {seed}")
                changes = {}
                if "moe" in family and r.random() < 0.5:
                    changes["fused"] = True
                if family in ("qwen3_5", "qwen3_5_moe", "gemma3", "gemma4") and r.random() < 0.5:
                    changes["nested"] = True
                if r.random() < 0.3:
                    changes["sharded"] = True
                if family not in ENCODERS and r.random() < 0.5:
                    changes["adapter"] = r.choice(["plain", "dora", "embedding"])
                dtype = r.choice(["float32", "float32", "bfloat16", "float16"])
                make(out / f"{family}-{seed}", family, seed, dtype, r.choice([4, 5]), changes, 40)
        return
    shutil.rmtree(OUT, ignore_errors=True)
    for name, (family, seed, dtype, dialect, changes) in CASES.items():
        make(OUT / name, family, seed, dtype, dialect, changes)
    files = sorted(p for p in OUT.rglob("*") if p.is_file())
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(OUT).as_posix()}\n" for p in files]
    (OUT / "SHA256SUMS").write_text("".join(lines))


main()
