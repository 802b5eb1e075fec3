#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The golden tokenizers gpt2 and bert again as GGUF files that hold only a vocabulary.

python tools/golden/gguf_vocab.py
"""
import json
import pathlib

import gguf

HERE = pathlib.Path("engine/src/test/resources/golden/token")


def main():
    for name, model, pre in (("gpt2", "gpt2", "gpt-2"), ("bert", "bert", "bert-bge")):
        data = json.loads((HERE / f"{name}.tokenizer.json").read_text())
        vocab = dict(data["model"]["vocab"])
        special = {t["content"] for t in data["added_tokens"] if t["special"]}
        for token in data["added_tokens"]:
            vocab[token["content"]] = token["id"]
        tokens = sorted(vocab, key=vocab.get)
        assert [vocab[t] for t in tokens] == list(range(len(tokens)))
        written = tokens
        if model == "bert":     # as the converter of llama.cpp writes them
            written = [t if t in special else t[2:] if t.startswith("##") else "\u2581" + t for t in tokens]
        writer = gguf.GGUFWriter(HERE / f"{name}.vocab.gguf", "vocab")
        writer.add_tokenizer_model(model)
        writer.add_tokenizer_pre(pre)
        writer.add_token_list(written)
        writer.add_token_types([3 if t in special else 1 for t in tokens])
        if "merges" in data["model"]:
            writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]])
        if model == "bert":
            writer.add_unk_token_id(vocab["[UNK]"])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()


if __name__ == "__main__":
    main()
