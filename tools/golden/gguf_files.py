# SPDX-License-Identifier: Apache-2.0
"""GGUF files of the reference writer. From the repository root, with gguf 0.19.0 and numpy 2.4:

    python tools/golden/gguf_files.py

Writes engine/src/test/resources/golden/gguf: every metadata type, tensors of several types and ranks, another
alignment, a split model, and version 2 (the same layout under another number). Deterministic.
"""
import json
import pathlib

import gguf
import numpy as np

OUT = pathlib.Path("engine/src/test/resources/golden/gguf")
OUT.mkdir(parents=True, exist_ok=True)


def write(name, alignment=None, **split):
    random = np.random.default_rng(20261121)
    w = gguf.GGUFWriter(OUT / name, "llama", **split)
    if alignment:
        w.add_custom_alignment(alignment)
    w.add_uint8("t.u8", 200)
    w.add_int8("t.i8", -7)
    w.add_uint16("t.u16", 60000)
    w.add_int16("t.i16", -30000)
    w.add_uint32("t.u32", 4000000000)
    w.add_int32("t.i32", -2000000000)
    w.add_uint64("t.u64", 2**63 + 5)
    w.add_int64("t.i64", -(2**62))
    w.add_float32("t.f32", 0.1)
    w.add_float64("t.f64", 0.1)
    w.add_bool("t.bool", True)
    w.add_string("t.text", "h\u00e9llo \U0001f600\n")
    w.add_array("t.ints", [1, -2, 3])
    w.add_array("t.floats", [0.5, -1.25])
    w.add_array("t.texts", ["a", "", "\u00df"])
    w.add_array("t.flags", [True, False, True])
    w.add_uint32("llama.block_count", 3)
    w.add_array("llama.attention.head_count_kv", [4, 2, 4])
    w.add_string("tokenizer.ggml.model", "gpt2")
    w.add_array("tokenizer.ggml.tokens", ["<s>", "a", "\u0120b"])
    w.add_array("tokenizer.ggml.scores", [0.0, -1.5, -2.25])
    w.add_array("tokenizer.ggml.token_type", [3, 1, 1])
    tensors = {
        "token_embd.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
        "blk.0.ffn_gate_exps.weight": random.standard_normal((2, 3, 32)).astype(np.float32),
        "half": random.standard_normal((5,)).astype(np.float16),
        "counts": np.arange(6, dtype=np.int32).reshape(2, 3),
    }
    for key, value in tensors.items():
        w.add_tensor(key, value)
    packed = gguf.quants.quantize(random.standard_normal((2, 64)).astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
    w.add_tensor("packed.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


write("plain.gguf")
write("aligned.gguf", alignment=256)
write("split.gguf", split_max_tensors=2)
old = bytearray((OUT / "plain.gguf").read_bytes())
old[4] = 2
(OUT / "version2.gguf").write_bytes(old)

reader = gguf.GGUFReader(OUT / "plain.gguf")
expected = {t.name: {"shape": [int(n) for n in reversed(t.shape)], "type": t.tensor_type.name,
                     "hex": t.data.tobytes().hex()} for t in reader.tensors}
(OUT / "plain.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")
