#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What other tools make of whole models that `stoa convert` wrote. Commits nothing. Needs a built checkout, torch, transformers,
gguf 0.19.0, llama-cpp-python 0.3.36 with the folder `vendor/llama.cpp` of its source package, mlx-lm 0.32 with mlx[cpu]:

    python tools/golden/convert_check.py LLAMA_CPP FOLDER [CASE...]

Every model of engine/src/test/resources/golden/families goes to GGUF and to the MLX layout, and from each of them back to
Hugging Face's; llama.cpp, mlx-lm and transformers must compute the committed logits from what was written (in F32), or
`stoa convert` must have refused. The GGUF file is compared with the one that llama.cpp's own converter makes: keys, tensors.
STOA names the launcher, CASES another folder of cases (families.py --sweep).
"""
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import sys

LLAMA, OUT = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.path.insert(0, str(LLAMA / "gguf-py"))
sys.path.insert(0, str(LLAMA))

import gguf  # noqa: E402
import llama_cpp as L  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

IN = pathlib.Path(os.environ.get("CASES", "engine/src/test/resources/golden/families"))
STOA = os.environ.get("STOA", "./stoa").split()
QUIET = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, data: None)


def convert(source, target, to, *more):
    """Why it was refused, None when it was written; and the notes."""
    run = subprocess.run(STOA + ["convert", str(source), str(target), "--to", to, "--json", *more], capture_output=True, text=True)
    said = json.loads(run.stdout)
    return (None, said["data"]["notes"]) if run.returncode == 0 else (said["error"]["issues"] or [said["error"]["message"]], [])


def in_llama_cpp(path, ids, vocab):
    model = L.llama_model_load_from_file(str(path).encode(), L.llama_model_default_params())
    assert model, f"llama.cpp does not load {path}"
    params = L.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch, params.type_k, params.type_v, params.flash_attn_type = 128, 128, 128, 0, 0, 0
    params.n_threads = params.n_threads_batch = 1
    context = L.llama_init_from_model(model, params)
    batch = L.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = token, i, 1, 0, 1
    assert L.llama_decode(context, batch) == 0
    rows = [np.ctypeslib.as_array(L.llama_get_logits_ith(context, i), (vocab,)).copy() for i in range(len(ids))]
    L.llama_free(context), L.llama_model_free(model)
    return np.stack(rows)


def in_mlx(path, ids):
    import mlx.core as mx
    from mlx_lm.utils import load_model
    mx.set_default_device(mx.cpu)
    model, _ = load_model(path, lazy=False)
    model.set_dtype(mx.float32)
    return np.array(model(mx.array([ids]))[0].astype(mx.float32))


def in_transformers(path, ids):
    from transformers import AutoModelForCausalLM
    model, info = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"], info
    with torch.no_grad():
        return model.eval()(torch.tensor([ids])).logits[0].float().numpy()


def verdict(label, computed, expected, limit):
    error = float(np.abs(computed - expected).max()) / max(1.0, float(expected.std()))
    print(f"  {label}: largest difference {error:.1e}" + ("" if error <= limit else "   TOO LARGE"))
    return error <= limit


def against_converter(ours, source, work):
    """Keys and tensors beside those of llama.cpp's converter, which is told to leave the vocabulary out."""
    from conversion import get_model_class
    from conversion.base import ModelBase, ModelType, get_model_architecture
    theirs = work / "theirs.gguf"
    shutil.copytree(source, work / "hf", ignore=shutil.ignore_patterns("adapter", "expected.safetensors"))
    hparams = ModelBase.load_hparams(work / "hf", False)
    cls = get_model_class(get_model_architecture(hparams, ModelType.TEXT))
    cls.set_vocab = lambda self: self.gguf_writer.add_tokenizer_model("none")
    cls.no_mtp = True
    if hparams.get("text_config", hparams)["model_type"].startswith("gemma"):
        vocab = {str(i): i for i in range(hparams.get("text_config", hparams)["vocab_size"])}
        (work / "hf/tokenizer.json").write_text(json.dumps({"model": {"vocab": vocab}, "added_tokens": []}))
    with torch.inference_mode():
        cls(dir_model=work / "hf", ftype=gguf.LlamaFileType.ALL_F32, fname_out=theirs, is_big_endian=False, use_temp_file=False,
            eager=True, model_name="tiny").write()
    a, b = gguf.GGUFReader(ours), gguf.GGUFReader(theirs)
    keys = lambda r: {k: f.contents() for k, f in r.fields.items() if not k.startswith(("GGUF.", "general.", "stoa.", "tokenizer."))}
    p, q = keys(a), keys(b)
    for key in sorted(p.keys() | q.keys()):
        if p.get(key) != q.get(key):
            print(f"  key {key}: ours {p.get(key)}, the converter's {q.get(key)}")
    x, y = {t.name: t for t in a.tensors}, {t.name: t for t in b.tensors}
    for name in sorted(x.keys() | y.keys()):
        one, two = x.get(name), y.get(name)
        same = one is not None and two is not None and list(one.shape) == list(two.shape) and np.array_equal(
            gguf.quants.dequantize(one.data, one.tensor_type), gguf.quants.dequantize(two.data, two.tensor_type))
        if not same:
            print(f"  tensor {name}: ours {one and list(one.shape)}, the converter's {two and list(two.shape)}; values differ or one is missing")
    print(f"  converter: {len(q)} keys, {len(y)} tensors compared")


def main():
    L.llama_log_set(QUIET, None)
    failed = []
    for case in sys.argv[3:] or sorted(p.name for p in IN.iterdir() if p.is_dir()):
        source, work = IN / case, OUT / case
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        expected = load_file(source / "expected.safetensors")
        print(case)
        if "logits" not in expected:
            print("  an encoder:", convert(source, work / "model.gguf", "gguf")[0])
            continue
        ids, logits = [int(i) for i in expected["ids"].flatten()], expected["logits"].float().numpy()
        logits = logits.reshape(len(ids), -1)
        for to, target, runner in (("gguf", work / "f32.gguf", lambda p: in_llama_cpp(p, ids, logits.shape[1])), ("mlx", work / "mlx", lambda p: in_mlx(p, ids))):
            reasons, notes = convert(source, target, to, "--dtype", "f32")
            if reasons is not None:
                print(f"  {to} refused:", *reasons[:3], sep="\n      ")
                continue
            other = [note for note in notes if "llama.cpp loads only" in note]
            if other:
                print(f"  {to}:", *other)
            try:
                # ggml looks GELU up in a table of half-precision values.
                limit = 2e-3 if to == "gguf" and case.startswith("gemma") else 2e-4
                if not other and not verdict(f"{to}, other tool", runner(target), logits, limit):
                    failed.append((case, to))
                reasons, _ = convert(target, work / f"back-{to}", "safetensors")
                if reasons:
                    print("  back refused:", *reasons[:6], sep="\n      ")
                    failed.append((case, to, "back"))
                elif not verdict(f"{to} and back, transformers", in_transformers(work / f"back-{to}", ids), logits, 2e-4):
                    failed.append((case, to, "back"))
            except Exception as problem:
                print("  FAILED", to, type(problem).__name__, str(problem)[:300])
                failed.append((case, to))
        if (work / "f32.gguf").exists():
            try:
                against_converter(work / "f32.gguf", source, work)
            except KeyError as problem:
                print("  the converter does not take this config:", problem)
    print("FAILED" if failed else "all as expected", failed)
    sys.exit(bool(failed))


main()
