# SPDX-License-Identifier: Apache-2.0
"""Adapters in the layouts of mlx-lm and llama.cpp. From the repository root, after adapters.py, with mlx[cpu] 0.32.4,
mlx-lm 0.32.0, gguf 0.19.0, torch 2.15, transformers 5.23 and the source package of llama-cpp-python 0.3.36 unpacked:

    python tools/golden/adapter_dialects.py PATH_OF_llama.cpp

Writes engine/src/test/resources/golden/adapter/{mlx-lora,mlx-dora,mlx-experts}: directories as mlx-lm saves them, with the
weights of the base and of mlx-lm's own fuse under Hugging Face names; and gguf-plain.gguf: the adapter of
golden/adapter/plain as llama.cpp's convert_lora_to_gguf.py writes it.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.models import llama, qwen3_moe
from mlx_lm.tuner.utils import linear_to_lora_layers

sys.path.insert(0, "tools/golden")
OUT = pathlib.Path("engine/src/test/resources/golden/adapter")
mx.set_default_device(mx.cpu)


def hugging_face(weights):
    """MLX names -> canonical names, experts fused as transformers 5 stores them."""
    out = {}
    for key, value in weights.items():
        key = key.removeprefix("model.")
        if ".switch_mlp.up_proj" in key:
            continue
        if ".switch_mlp.gate_proj" in key:
            up = weights["model." + key.replace("gate_proj", "up_proj")]
            out[key.replace("switch_mlp.gate_proj.weight", "experts.gate_up_proj")] = mx.concatenate([value, up], axis=1)
        else:
            out[key.replace("switch_mlp.down_proj.weight", "experts.down_proj")] = value
    return out


def save(name, model, layers, parameters, dora):
    directory = OUT / name
    directory.mkdir(exist_ok=True)
    mx.random.seed(3)
    model.freeze()
    base = hugging_face(dict(tree_flatten(model.parameters())))
    linear_to_lora_layers(model, layers, parameters, use_dora=dora)
    adapters = dict(tree_flatten(model.trainable_parameters()))
    for key in adapters:
        noise = mx.random.normal(adapters[key].shape)
        adapters[key] = mx.abs(noise) + 0.5 if key.endswith(".m") else noise
    model.load_weights(list(adapters.items()), strict=False)
    mx.save_safetensors(str(directory / "adapters.safetensors"), adapters)
    (directory / "adapter_config.json").write_text(json.dumps(
        {"fine_tune_type": "dora" if dora else "lora", "lora_parameters": parameters, "num_layers": layers, "seed": 0, "model": "tiny"}, indent=4))
    fused = [(path, module.fuse()) for path, module in model.named_modules() if hasattr(module, "fuse")]
    weights = {f"{path}.weight": module.weight for path, module in fused}
    after = dict(base) | hugging_face({k: v for k, v in weights.items() if "switch_mlp" not in k})
    stacked = {k: v for k, v in weights.items() if "switch_mlp" in k}
    if stacked:
        after |= hugging_face(stacked)
    mx.save_safetensors(str(directory / "base.safetensors"), base)
    mx.save_safetensors(str(directory / "expected.safetensors"), {k: v for k, v in after.items() if not mx.array_equal(v, base[k])})


def tiny_llama():
    mx.random.seed(1)
    return llama.Model(llama.ModelArgs(model_type="llama", hidden_size=8, num_hidden_layers=2, intermediate_size=10, num_attention_heads=2,
                                       rms_norm_eps=1e-6, vocab_size=12, num_key_value_heads=1, tie_word_embeddings=False))


def tiny_moe():
    mx.random.seed(1)
    return qwen3_moe.Model(qwen3_moe.ModelArgs(
        model_type="qwen3_moe", hidden_size=8, num_hidden_layers=1, intermediate_size=10, num_attention_heads=2, num_experts=3,
        num_experts_per_tok=2, decoder_sparse_step=1, mlp_only_layers=[], moe_intermediate_size=6, rms_norm_eps=1e-6, vocab_size=12,
        num_key_value_heads=1, head_dim=4, rope_theta=1e4, tie_word_embeddings=False, max_position_embeddings=64, norm_topk_prob=True))


save("mlx-lora", tiny_llama(), 1, {"rank": 2, "scale": 3.5, "dropout": 0.0, "keys": ["self_attn.q_proj", "mlp.down_proj"]}, False)
save("mlx-dora", tiny_llama(), 2, {"rank": 2, "scale": 0.5, "dropout": 0.0, "keys": ["self_attn.v_proj"]}, True)
save("mlx-experts", tiny_moe(), 1, {"rank": 2, "scale": 2.0, "dropout": 0.0,
                                    "keys": ["mlp.switch_mlp.gate_proj", "mlp.switch_mlp.up_proj", "mlp.switch_mlp.down_proj"]}, False)

import adapters as peft_adapters  # noqa: E402

with tempfile.TemporaryDirectory() as base:
    peft_adapters.base().save_pretrained(base)
    subprocess.run([sys.executable, os.path.join(sys.argv[1], "convert_lora_to_gguf.py"), str(OUT / "plain"), "--base", base,
                    "--outfile", str(OUT / "gguf-plain.gguf"), "--outtype", "f32"], check=True)
