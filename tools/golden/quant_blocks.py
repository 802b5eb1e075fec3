# SPDX-License-Identifier: Apache-2.0
"""Block formats as ggml itself encodes and decodes them. From the repository root, with numpy 2.4, gguf 0.19.0 and
llama-cpp-python 0.3.36 built from its source package (x86-64, GGML_NATIVE):

    python tools/golden/quant_blocks.py

Writes engine/src/test/resources/golden/quant/blocks.json: for every format the SHA-256 of what ggml's reference
quantizer makes of 262,144 values (64 kinds of blocks, from a generator that the test repeats) and of what its decoder
makes of these bytes; for formats that are only read, of what it makes of random bytes with finite scales; and the
first blocks in full. gguf's own Python decoder must agree wherever it has the format.
"""
import ctypes
import glob
import hashlib
import json
import pathlib

import gguf
import llama_cpp
import numpy as np

LIB = ctypes.CDLL(glob.glob(str(pathlib.Path(llama_cpp.__file__).parent / "lib/libggml-base.so*"))[0])
OUT = pathlib.Path("engine/src/test/resources/golden/quant")
WRITTEN = {"Q8_0": (32, 34), "Q4_0": (32, 18), "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210),
           "MXFP4": (32, 17), "NVFP4": (64, 36)}
# block, bytes, byte offsets of f16 fields
READ = {"Q4_1": (32, 20, [0, 2]), "Q5_0": (32, 22, [0]), "Q5_1": (32, 24, [0, 2]), "Q2_K": (256, 84, [80, 82]),
        "Q3_K": (256, 110, [108]), "IQ4_NL": (32, 18, [0]), "IQ4_XS": (256, 136, [0])}
COUNT = 1 << 18


class Generator:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & (2**64 - 1)
        return self.state >> 40


def inputs():
    """Block b of 256 values: kind b % 8 and magnitude 2^(b / 8 % 8 * 4 - 20)."""
    g = Generator(20261121)
    out = np.empty(COUNT, np.float32)
    for b in range(COUNT // 256):
        kind, scale = b % 8, 2.0 ** (b // 8 % 8 * 4 - 20)
        for i in range(256):
            u = [g.next() / 2**24 for _ in range(4)]
            bell = u[0] + u[1] + u[2] + u[3] - 2
            value = [bell, u[0] * 2 - 1, u[0], -u[0], bell if i % 37 else bell * 50, bell * bell * bell,
                     bell if i // 16 % 2 else 0.0, float(round(u[0] * 8) - 4)][kind]
            out[b * 256 + i] = np.float32(value * scale)
    return out


def ref(name, x):
    block, size = WRITTEN[name]
    out = (ctypes.c_uint8 * (len(x) // block * size))()
    f = getattr(LIB, f"quantize_row_{name.lower().replace('_k', '_K')}_ref")
    f(x.ctypes.data_as(ctypes.c_void_p), out, ctypes.c_int64(len(x)))
    return np.frombuffer(out, np.uint8).copy()


def decode(name, data, count):
    out = np.empty(count, np.float32)
    f = getattr(LIB, f"dequantize_row_{name.lower().replace('_k', '_K')}")
    f(data.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(count))
    return out


def sha(a):
    return hashlib.sha256(a.tobytes()).hexdigest()


LIB.ggml_quantize_init  # the library is the right one
result = {}
x = inputs()
result["inputs"] = sha(x)
for name in WRITTEN:
    data = ref(name, x)
    values = decode(name, data, COUNT)
    peer = gguf.quants.dequantize(data, getattr(gguf.GGMLQuantizationType, name))
    assert (peer.view(np.uint32) == values.view(np.uint32)).all() or (peer == values).all(), name
    size = WRITTEN[name][1]
    result[name] = {"encoded": sha(data), "decoded": sha(values), "first": data[:size].tobytes().hex(),
                    "firstDecoded": values[:32].tobytes().hex()}
g = Generator(7)
for name, (block, size, halves) in READ.items():
    blocks = 512
    data = np.array([g.next() >> 16 for _ in range(blocks * size)], np.uint8)
    for b in range(blocks):
        for at in halves:
            data[b * size + at + 1] &= 0xBF
    values = decode(name, data, blocks * block)
    peer = gguf.quants.dequantize(data, getattr(gguf.GGMLQuantizationType, name))
    assert (peer == values).all(), name
    result[name] = {"decoded": sha(values), "first": data[:size].tobytes().hex(), "firstDecoded": values[:32].tobytes().hex()}
OUT.mkdir(parents=True, exist_ok=True)
(OUT / "blocks.json").write_text(json.dumps(result, indent=1) + "\n")
