#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tiny model directory written by the reference library, and its hashes computed from the definition.

python tools/golden/formats.py
"""
import hashlib
import json
import pathlib
import struct

import numpy as np
from safetensors import TensorSpec, serialize_file

OUT = pathlib.Path("engine/src/test/resources/golden/model")
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}é"


def tensors():
    f32 = (np.arange(12, dtype="<f4") * 0.25 - 1).reshape(3, 4)
    bf16 = (np.arange(6, dtype="<f4").view("<u4") >> 16).astype("<u2").reshape(2, 3)
    return {
        "layers.0.weight": ("float32", f32),
        "a.float32": ("float32", np.array([1.5, -0.0, 3e-40], "<f4")),
        "half": ("bfloat16", bf16),
        "ids": ("int64", np.array([1, -2, 2**40], "<i8")),
        "mask": ("uint8", np.array([7], "u1")),
        "scalar": ("float32", np.array(2.0, "<f4")),
        "empty": ("float32", np.zeros((0, 4), "<f4")),
    }


def text(value):
    data = value.encode()
    return struct.pack("<I", len(data)) + data


def files_hash(files):
    """files: name -> bytes"""
    total = hashlib.sha256()
    for name in sorted(files, key=lambda n: n.encode("utf-16-be")):
        data = files[name]
        total.update(text(name) + struct.pack("<Q", len(data)) + hashlib.sha256(data).digest())
    return total.hexdigest()


def canonical(value):
    """Enough of RFC 8785 for this file: no floats outside the plain decimal range."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: k.encode("utf-16-be"))
        return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    data = tensors()                                       # keeps the pointers below alive
    specs = {name: TensorSpec(dtype=dtype, shape=list(a.shape), data_ptr=a.ctypes.data, data_len=a.nbytes)
             for name, (dtype, a) in data.items()}
    serialize_file(specs, str(OUT / "model.safetensors"), {"format": "pt"})
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1000000000000000019884624838656,
        "é": [0.5, 1.0, -2.25, True, None], "z\ufffd": {"\U0001f600": "a\"\\\n\u0001"}, "chat_template": "ignored",
    }
    (OUT / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 4}, indent=2))
    (OUT / "tokenizer.json").write_text(json.dumps({"version": "1.0"}))
    (OUT / "special_tokens_map.json").write_text("{}\n")
    (OUT / "tokenizer_config.json").write_text(json.dumps(tokenizer_config, indent=2, ensure_ascii=False))
    (OUT / "chat_template.jinja").write_text(TEMPLATE)

    del tokenizer_config["chat_template"]
    read = lambda *names: {name: (OUT / name).read_bytes() for name in names}
    (OUT / "hashes.json").write_text(json.dumps({
        "model_hash": files_hash(read("model.safetensors", "config.json")),
        "tokenizer_hash": files_hash(read("tokenizer.json", "special_tokens_map.json")
                                     | {"tokenizer_config.json": canonical(tokenizer_config).encode()}),
        "chat_template_hash": hashlib.sha256(TEMPLATE.encode()).hexdigest(),
    }, indent=2) + "\n")


if __name__ == "__main__":
    main()
