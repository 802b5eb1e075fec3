# SPDX-License-Identifier: Apache-2.0
"""What llama.cpp makes of the GGUF files we write. Needs a built checkout, numpy, gguf 0.19.0, torch, transformers, peft and
llama-cpp-python 0.3.36 built from its source package; writes into a folder given as argument, commits nothing:

    python tools/golden/gguf_check.py FOLDER

1. A random 2-layer Llama (width 256) as a GGUF F32 file: `stoa quantize --pure` must write, for every format, the tensors
   that llama.cpp's own quantization (pure) writes, byte for byte, and both files the same logits.
2. A PEFT adapter on it with rank and alpha patterns, embedding and head: `stoa convert --to gguf` must give llama.cpp the
   logits that PEFT gives in F32, within 1e-4.
"""
import ctypes
import os
import pathlib
import shutil
import subprocess
import sys

import gguf
import llama_cpp as L
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

TOKENS = [1, 5, 9, 200, 33, 7, 301]
FILE_TYPES = {"q8_0": 7, "q4_0": 2, "q4_k": 14, "q5_k": 16, "q6_k": 18, "mxfp4": 38, "bf16": 32}
NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
         "post_attention_layernorm": "ffn_norm"}


def make(folder):
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=320, hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, tie_word_embeddings=False, max_position_embeddings=128)
    model = LlamaForCausalLM(config)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0, 0.05)
    model.save_pretrained(folder / "hf")
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    names |= {f"model.layers.{i}.{a}": f"blk.{i}.{b}" for i in range(2) for a, b in NAMES.items()}
    w = gguf.GGUFWriter(folder / "f32.gguf", "llama")
    w.add_block_count(2), w.add_context_length(128), w.add_embedding_length(256), w.add_feed_forward_length(512)
    w.add_head_count(4), w.add_head_count_kv(2), w.add_layer_norm_rms_eps(config.rms_norm_eps), w.add_rope_freq_base(10000.0)
    w.add_rope_dimension_count(64), w.add_vocab_size(320), w.add_tokenizer_model("llama"), w.add_file_type(0)
    w.add_token_list([f"t{i}".encode() for i in range(320)]), w.add_token_scores([0.0] * 320), w.add_token_types([1] * 320)
    for key, value in model.state_dict().items():
        value = value.float().numpy()
        heads = 4 if "q_proj" in key else 2 if "k_proj" in key else 0
        if heads:
            value = value.reshape(heads, 2, value.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(value.shape)
        w.add_tensor(names[key.removesuffix(".weight")] + ".weight", np.ascontiguousarray(value))
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=6, task_type="CAUSAL_LM", rank_pattern={"q_proj": 2}, alpha_pattern={"down_proj": 3},
                                               target_modules=["q_proj", "k_proj", "down_proj", "embed_tokens", "lm_head"]))
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(0, 0.05)
    adapted.save_pretrained(folder / "adapter")
    return adapted(torch.tensor([TOKENS])).logits[0].detach().numpy()


def logits(path, lora=None):
    model = L.llama_model_load_from_file(str(path).encode(), L.llama_model_default_params())
    assert model, path
    params = L.llama_context_default_params()
    params.n_ctx, params.n_batch, params.type_k, params.type_v, params.flash_attn_type = 64, 64, 0, 0, 0
    context = L.llama_init_from_model(model, params)
    if lora:
        adapter = L.llama_adapter_lora_init(model, str(lora).encode())
        one = (L.llama_adapter_lora_p_ctypes * 1)(adapter)
        assert adapter and L.llama_set_adapters_lora(context, one, 1, (ctypes.c_float * 1)(1.0)) == 0
    batch = L.llama_batch_init(len(TOKENS), 0, 1)
    batch.n_tokens = len(TOKENS)
    for i, token in enumerate(TOKENS):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = token, i, 1, 0, 1
    assert L.llama_decode(context, batch) == 0
    result = np.stack([np.ctypeslib.as_array(L.llama_get_logits_ith(context, i), (320,)).copy() for i in range(len(TOKENS))])
    L.llama_free(context), L.llama_model_free(model)
    return result


def main():
    folder = pathlib.Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    expected = make(folder)
    stoa = os.environ.get("STOA", "./stoa").split()
    L.llama_backend_init()
    for scheme, file_type in FILE_TYPES.items():
        ours, theirs = folder / f"ours-{scheme}.gguf", folder / f"theirs-{scheme}.gguf"
        subprocess.run(stoa + ["quantize", str(folder / "f32.gguf"), str(ours), "--scheme", scheme, "--pure", "-q"], check=True)
        params = L.llama_model_quantize_default_params()
        params.ftype, params.pure, params.nthread = file_type, True, 1
        assert L.llama_model_quantize(str(folder / "f32.gguf").encode(), str(theirs).encode(), ctypes.byref(params)) == 0
        a = {t.name: (t.tensor_type, t.data.tobytes()) for t in gguf.GGUFReader(ours).tensors}
        b = {t.name: (t.tensor_type, t.data.tobytes()) for t in gguf.GGUFReader(theirs).tensors}
        assert a == b, [name for name in b if a.get(name) != b[name]]
        assert (logits(ours) == logits(theirs)).all()
        print(f"{scheme}: {len(a)} tensors byte-equal, logits equal")
    subprocess.run(stoa + ["convert", str(folder / "adapter"), str(folder / "adapter.gguf"), "--to", "gguf", "--base", str(folder / "hf"), "-q"], check=True)
    error = np.abs(logits(folder / "f32.gguf", folder / "adapter.gguf") - expected).max()
    print(f"adapter: largest difference of a logit to PEFT {error:.1e}")
    assert error <= 1e-4


main()
