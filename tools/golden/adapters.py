#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adapters saved by PEFT on a tiny Llama, the dense update PEFT gives each of them, and their adapter_hash by definition.

python tools/golden/adapters.py              # the checked-in files
python tools/golden/adapters.py --initial    # golden/adapter/pissa-trained alone
python tools/golden/adapters.py --check      # loads what our writer wrote (golden/adapter/ours-*) with PEFT
"""
import argparse
import hashlib
import json
import pathlib
import shutil
import struct
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM

OUT = pathlib.Path("engine/src/test/resources/golden/adapter")
ATTENTION = ["q_proj", "v_proj"]
READ = {
    "plain": dict(r=2, lora_alpha=4, target_modules=ATTENTION),
    "patterns": dict(r=2, lora_alpha=3, target_modules="all-linear", rank_pattern={"down_proj": 1, r"layers\.1\.self_attn\.q_proj": 3},
                     alpha_pattern={"model.layers.0.self_attn.o_proj": 7, ".*o_proj": 5}),
    "rslora": dict(r=3, lora_alpha=5, target_modules=["up_proj", "lm_head"], use_rslora=True, rank_pattern={"lm_head": 2}),
    "one-layer": dict(r=1, lora_alpha=1, target_modules=["k_proj"], layers_to_transform=[1]),
    "half": dict(r=2, lora_alpha=2, target_modules=["gate_proj"]),
    "named": dict(r=2, lora_alpha=8, target_modules=["o_proj"]),
    "transposed": dict(r=2, lora_alpha=4, target_modules=["q_proj"], fan_in_fan_out=True),
}
# More than dense updates of linear layers: what each holds beside them is in its expected.safetensors.
RICH = {
    "dora": dict(r=2, lora_alpha=3, target_modules=ATTENTION, use_dora=True),
    "lora-bias": dict(r=2, lora_alpha=3, target_modules=["q_proj"], lora_bias=True),
    "bias-all": dict(r=2, lora_alpha=3, target_modules=["q_proj"], bias="all"),
    "modules-to-save": dict(r=2, lora_alpha=3, target_modules=ATTENTION, modules_to_save=["lm_head"]),
    "embedding": dict(r=2, lora_alpha=3, target_modules=["embed_tokens", "q_proj"]),
    "tokens": dict(r=2, lora_alpha=3, target_modules=["q_proj"], trainable_token_indices=[1, 2]),
    "activated": dict(r=2, lora_alpha=3, target_modules=["q_proj"], alora_invocation_tokens=[1, 2]),
}
# Fused experts (target_parameters) on a tiny Qwen3-MoE; the second has a square gate_up.
EXPERTS = {
    "experts": dict(moe_intermediate_size=6),
    "experts-square": dict(moe_intermediate_size=4),
}
REFUSED = {
    "pissa": dict(target_modules=ATTENTION, init_lora_weights="pissa"),
}


def base(**settings):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(vocab_size=12, hidden_size=8, intermediate_size=10, num_hidden_layers=2,
                                        num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=False, **settings))


def experts_base(moe_intermediate_size):
    torch.manual_seed(0)
    return Qwen3MoeForCausalLM(Qwen3MoeConfig(
        vocab_size=12, hidden_size=8, intermediate_size=10, moe_intermediate_size=moe_intermediate_size, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, head_dim=4, num_experts=3, num_experts_per_tok=2, tie_word_embeddings=False))


def randomize(model):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))


def dense(model, adapter):
    """Canonical path -> what PEFT adds to the weight, in [out, in]."""
    updates = {}
    for name, module in model.named_modules():
        if hasattr(module, "get_delta_weight") and adapter in getattr(module, "lora_A", {}):
            path = name.removeprefix("base_model.model.").removeprefix("model.")
            updates[path] = module.get_delta_weight(adapter).detach().float().contiguous()
    return updates


def text(value):
    return struct.pack("<I", len(value.encode())) + value.encode()


def adapter_hash(directory, scales):
    """formats.md section 12, from the bytes of the file."""
    total = hashlib.sha256()
    raw = (directory / "adapter_model.safetensors").read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__", None)
    canonical = {}
    for key, entry in header.items():
        if key.endswith(".base_layer.weight"):           # PEFT's copy of an adapted head, no part of the adapter
            continue
        path, side = key.removeprefix("base_model.model.").removeprefix("model.").split(".lora_")
        canonical[f"{path}.lora_{side[0]}"] = entry
    for name in sorted(canonical):
        entry = canonical[name]
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        total.update(text(name) + text(entry["dtype"]) + struct.pack("<I", len(entry["shape"])))
        total.update(b"".join(struct.pack("<Q", dim) for dim in entry["shape"]) + raw[begin:end])
    for path in sorted(scales):
        total.update(text(path) + struct.pack("<d", scales[path]) + b"\0\0\0")
    return total.update(struct.pack("<I", 0)) or total.hexdigest()


def save(name, settings):
    adapter = "tuned" if name == "named" else "default"
    model = get_peft_model(base(), LoraConfig(task_type="CAUSAL_LM", **settings), adapter_name=adapter)
    randomize(model)
    if name == "half":
        for parameter, p in model.named_parameters():
            if "lora_" in parameter:
                p.data = p.data.to(torch.bfloat16)
    directory = OUT / name
    model.save_pretrained(directory)
    for readme in directory.rglob("README.md"):
        readme.unlink()
    place = directory / adapter if name == "named" else directory
    config = place / "adapter_config.json"
    data = json.loads(config.read_text())
    data["base_model_name_or_path"] = "tiny"
    for unordered in ("target_modules",):
        if isinstance(data.get(unordered), list):
            data[unordered] = sorted(data[unordered])
    if name == "transposed":
        data["fan_in_fan_out"] = True        # PEFT resets it for linear layers, in the file and again on loading
    config.write_text(json.dumps(data, indent=2, sort_keys=True))
    if name == "one-layer":                  # as older PEFT versions and other tools wrote the keys
        tensors = load_file(place / "adapter_model.safetensors")
        save_file({key.replace(".weight", ".default.weight").replace("model.model.", "model.model.language_model."): value
                   for key, value in tensors.items()}, place / "adapter_model.safetensors", {"format": "pt"})
    return place, adapter


def initial():
    """PiSSA: the adapter before and after training, and PEFT's own conversion to a plain one of twice the rank."""
    place = OUT / "pissa-trained"
    shutil.rmtree(place, ignore_errors=True)
    model = get_peft_model(base(), LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=3, target_modules=ATTENTION + ["down_proj"], init_lora_weights="pissa"))
    model.save_pretrained(place / "initial")
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(place / "trained")
    model.save_pretrained(place / "plain", path_initial_model_for_weight_conversion=str(place / "initial"))
    for readme in place.rglob("README.md"):
        readme.unlink()
    for config in place.rglob("adapter_config.json"):
        data = json.loads(config.read_text())
        data["base_model_name_or_path"] = "tiny"
        data["target_modules"] = sorted(data["target_modules"])
        data["init_lora_weights"] = True if config.parent.name == "plain" else "pissa"
        config.write_text(json.dumps(data, indent=2, sort_keys=True))


def canonical(tensors):
    return {key.removeprefix("model."): value.detach().float().contiguous() for key, value in tensors.items()}


def rich(name, settings, make):
    """Saves the adapter, the base, and every tensor of the base as PEFT's merge leaves it where it differs."""
    model = get_peft_model(make(), LoraConfig(task_type="CAUSAL_LM", **settings))
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(noise.abs() + 0.5 if "magnitude" in key else noise)
    directory = OUT / name
    model.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    config = directory / "adapter_config.json"
    data = json.loads(config.read_text())
    data["base_model_name_or_path"] = "tiny"
    for unordered in ("target_modules", "target_parameters", "modules_to_save"):
        if isinstance(data.get(unordered), list):
            data[unordered] = sorted(data[unordered])
    config.write_text(json.dumps(data, indent=2, sort_keys=True))
    before = canonical(make().state_dict())
    if name == "activated":
        after = dict(before)
        for path, delta in dense(model, "default").items():
            after[path + ".weight"] = before[path + ".weight"] + delta
    else:
        after = canonical(model.merge_and_unload().state_dict())
    assert before.keys() == after.keys(), before.keys() ^ after.keys()
    save_file(before, directory / "base.safetensors")
    save_file({key: value for key, value in after.items() if not torch.equal(value, before[key])}, directory / "expected.safetensors")


def record(name, settings):
    place, adapter = save(name, settings)
    if name == "one-layer":
        model = get_peft_model(base(), LoraConfig(task_type="CAUSAL_LM", **settings))
        randomize(model)
    else:
        model = PeftModel.from_pretrained(base(), place, adapter_name=adapter)
    scales = {module.removeprefix("base_model.model.").removeprefix("model."): layer.scaling[adapter]
              for module, layer in model.named_modules() if hasattr(layer, "get_delta_weight") and adapter in layer.lora_A}
    save_file(dense(model, adapter), OUT / name / "expected.safetensors")
    source = place
    if name == "one-layer":                  # the hash does not see prefixes and infixes
        source = OUT / name / "plain"
        source.mkdir()
        tensors = load_file(place / "adapter_model.safetensors")
        save_file({key.replace(".default.weight", ".weight").replace("language_model.", ""): value for key, value in tensors.items()},
                  source / "adapter_model.safetensors")
    result = {"scales": scales, "adapter_hash": adapter_hash(source, scales)}
    if name == "one-layer":
        shutil.rmtree(source)
    return result


def check():
    for directory in sorted(OUT.glob("ours-*")):
        name = directory.name.removeprefix("ours-")
        with warnings.catch_warnings():
            warnings.simplefilter("error")   # PEFT only warns about missing and unexpected keys
            warnings.filterwarnings("ignore", message="Unexpected keyword arguments")
            warnings.filterwarnings("ignore", category=FutureWarning)
            model = PeftModel.from_pretrained(base(), directory)
        with safe_open(directory / "adapter_model.safetensors", "pt") as file:
            keys = set(file.keys())
        loaded = {key.replace(".default.", ".") for key in model.state_dict() if "lora_" in key}
        assert keys == loaded, keys ^ loaded
        updates, expected = dense(model, "default"), load_file(OUT / name / "expected.safetensors")
        assert updates.keys() == expected.keys(), updates.keys() ^ expected.keys()
        error = max(float((updates[path] - expected[path]).norm() / expected[path].norm()) for path in expected)
        assert error <= 1e-6, (name, error)
        print(f"{directory.name}: {len(updates)} modules selected exactly, max relative error {error:.1e}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--initial", action="store_true")
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    initial()
    if arguments.initial:
        return
    for name in READ | RICH | EXPERTS | REFUSED:
        shutil.rmtree(OUT / name, ignore_errors=True)
    expected = {name: record(name, settings) for name, settings in READ.items()}
    for name, settings in RICH.items():
        rich(name, settings, (lambda: base(attention_bias=True)) if "bias" in name else base)
    for name, shape in EXPERTS.items():
        rich(name, dict(r=2, lora_alpha=3, target_modules=[], target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]),
             lambda: experts_base(**shape))
    for name, settings in REFUSED.items():
        save(name, dict(r=2, lora_alpha=2) | settings)
    (OUT / "expected.json").write_text(json.dumps(expected, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
