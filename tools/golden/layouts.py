#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The models of families.py in the layouts of other tools: GGUF F32 as llama.cpp's converter writes it, MLX as mlx-lm does.

python tools/golden/layouts.py LLAMA_CPP IN OUT [CASE…]
python tools/golden/layouts.py LLAMA_CPP engine/src/test/resources/golden/families engine/src/test/resources/golden/layouts llama-v4 …

LLAMA_CPP is the folder `vendor/llama.cpp` of the source package of llama-cpp-python 0.3.36; mlx-lm 0.32 with mlx[cpu].
Vocabularies are left out: the converters' own are replaced by none. OUT/<case>/{model.gguf,mlx/} is written. Committed are the GGUF files of llama,
qwen3_5, gemma4-moe-v4, minimax_m2-v4 and bert, and the MLX directory of qwen3_5_moe; SHA256SUMS is made by sha256sum.
"""
import json
import pathlib
import shutil
import sys

import torch

LLAMA, IN, OUT = (pathlib.Path(p) for p in sys.argv[1:4])
sys.path.insert(0, str(LLAMA / "gguf-py"))
sys.path.insert(0, str(LLAMA))

import gguf  # noqa: E402
from conversion import get_model_class  # noqa: E402
from conversion.base import ModelBase, ModelType, get_model_architecture  # noqa: E402


def to_gguf(source, target):
    hparams = ModelBase.load_hparams(source, False)
    text = hparams.get("text_config", hparams)
    half = text.get("dtype", text.get("torch_dtype")) == "bfloat16"  # then BF16 matrices lose nothing; norms stay F32
    ftype = gguf.LlamaFileType.MOSTLY_BF16 if half else gguf.LlamaFileType.ALL_F32
    cls = get_model_class(get_model_architecture(hparams, ModelType.TEXT))
    cls.set_vocab = lambda self: self.gguf_writer.add_tokenizer_model("none")
    kind = hparams.get("text_config", hparams).get("model_type", "")
    cls.no_mtp = True
    if kind.startswith("gemma"):  # its converter cuts the table to the vocabulary, of which there is none here
        vocab = {str(i): i for i in range(hparams.get("text_config", hparams)["vocab_size"])}
        (source / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocab}, "added_tokens": []}))
    with torch.inference_mode():
        model = cls(dir_model=source, ftype=ftype, fname_out=target, is_big_endian=False, use_temp_file=False,
                    eager=True, model_name="tiny")
        model.write()
    (source / "tokenizer.json").unlink(missing_ok=True)


def as_f32(source):
    """Conversions fold norms in the file's own type; in F32 they lose nothing."""
    from safetensors.torch import load_file, save_file
    for file in source.glob("*.safetensors"):
        tensors = load_file(file)
        if not any(t.dtype == torch.float8_e4m3fn for t in tensors.values()):
            save_file({n: t.float() for n, t in tensors.items()}, file, metadata={"format": "pt"})


def for_mlx(source):
    """The keys that mlx-lm 0.32 needs, which newer configs spell differently."""
    config = json.loads((source / "config.json").read_text())
    kind = config["model_type"]
    rope = config.get("rope_parameters") or {}
    if kind in ("minimax_m2", "qwen3_moe") and rope:
        config["rope_theta"] = rope["rope_theta"]
        config["rope_scaling"] = None if rope["rope_type"] == "default" else {k: v for k, v in rope.items() if k != "rope_theta"}
    if kind == "minimax_m2":
        config["shared_intermediate_size"] = 0
        config.setdefault("rotary_dim", int(rope.get("partial_rotary_factor", 1) * config["head_dim"]))
    if kind == "qwen3_moe" and "num_local_experts" in config:
        config["num_experts"] = config.pop("num_local_experts")
    if kind.startswith("qwen3_5") and kind.endswith("_text"):
        config = {"model_type": kind.removesuffix("_text"), "text_config": config}
    (source / "config.json").write_text(json.dumps(config))


def to_mlx(source, target):
    for_mlx(source)
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.utils import load_model
    model, config = load_model(source, lazy=False)
    weights = dict(tree_flatten(model.parameters()))
    target.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(target / "model.safetensors"), weights, metadata={"format": "mlx"})
    (target / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


for case in sys.argv[4:] or sorted(p.name for p in IN.iterdir() if p.is_dir()):
    place = OUT / case
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    work = place / "work"
    shutil.copytree(IN / case, work, ignore=shutil.ignore_patterns("adapter", "expected.safetensors"))
    as_f32(work)
    for name, make in (("gguf", lambda: to_gguf(work, place / "model.gguf")), ("mlx", lambda: to_mlx(work, place / "mlx"))):
        try:
            make()
            print("OK  ", case, name)
        except Exception as problem:
            print("FAIL", case, name, type(problem).__name__, str(problem)[:300])
    shutil.rmtree(work)
