# SPDX-License-Identifier: Apache-2.0
"""Weights as MLX packs and unpacks them. From the repository root, with `mlx[cpu]` 0.32.4 and numpy 2.4:

    python tools/golden/mlx_quant.py

Writes engine/src/test/resources/golden/mlx/{packed,expected}.safetensors and config.json: one module per mode, bits and
group in the layout of an MLX model, a stacked one (experts), and one with bfloat16 scales; and the values that
mx.dequantize makes of them (those of the float modes as float32, which their bfloat16 results hold exactly).
"""
import json
import pathlib

import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)
OUT = pathlib.Path("engine/src/test/resources/golden/mlx")
OUT.mkdir(parents=True, exist_ok=True)
R = np.random.default_rng(20261121)
packed, expected, block = {}, {}, {"group_size": 64, "bits": 4, "mode": "affine"}


def add(name, w, mode="affine", dtype=mx.float32, **kw):
    parts = mx.quantize(mx.array(w).astype(dtype), mode=mode, **kw)
    for leaf, part in zip(("weight", "scales", "biases"), parts):
        packed[f"{name}.{leaf}"] = part
    expected[f"{name}.weight"] = mx.dequantize(*parts, mode=mode, **kw).astype(mx.float32)
    if kw != {"group_size": 64, "bits": 4} or mode != "affine":
        block[name] = dict(kw, mode=mode)


def values(*shape):
    return R.uniform(-0.6, 0.7, shape).astype(np.float32)


for bits in (2, 3, 4, 5, 6, 8):
    for group in (32, 64, 128):
        add(f"affine.{bits}.{group}", values(3, 128), bits=bits, group_size=group)
add("mxfp4", values(3, 96), mode="mxfp4", bits=4, group_size=32)
add("nvfp4", values(3, 96), mode="nvfp4", bits=4, group_size=16)
add("mxfp8", values(3, 64), mode="mxfp8", bits=8, group_size=32)
add("experts", values(2, 3, 64), bits=4, group_size=64)
add("half", values(3, 64), dtype=mx.bfloat16, bits=4, group_size=64)
packed["dense.weight"] = mx.array(values(2, 4))
expected["dense.weight"] = packed["dense.weight"]
block["dense"] = False
mx.save_safetensors(str(OUT / "packed.safetensors"), packed, metadata={"format": "mlx"})
mx.save_safetensors(str(OUT / "expected.safetensors"), expected)
(OUT / "config.json").write_text(json.dumps({"model_type": "test", "quantization": block, "quantization_config": block}, indent=2) + "\n")
