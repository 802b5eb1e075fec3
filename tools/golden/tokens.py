#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small tokenizers of every supported kind, and what the tokenizers library makes of difficult texts.

python tools/golden/tokens.py                           # the checked-in files
python tools/golden/tokens.py --random 10000 --characters 1000000 --out DIR
                                                        # a campaign: mvn test -Dtest=TokenizerGoldenTest -Dstoa.tokens=DIR
"""
import argparse
import json
import pathlib
import random
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path("engine/src/test/resources/golden/token")
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
          r"\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CHAT = [AddedToken(text, special=True, normalized=False) for text in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")]


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def byte_level(use_regex, add_prefix_space=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=use_regex)


def trained(pre, normalizer=None, decoder=None, vocab=420, alphabet=True, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    if decoder:
        tokenizer.decoder = decoder
    unk = [model["unk_token"]] if model.get("unk_token") else []
    fallback = [f"<0x{b:02X}>" for b in range(256)] if model.get("byte_fallback") else []
    trainer = trainers.BpeTrainer(
        vocab_size=vocab + len(fallback), special_tokens=unk + fallback, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if alphabet else [], limit_alphabet=256 if alphabet else 150,
        **{key: model[key] for key in ("continuing_subword_prefix", "end_of_word_suffix") if key in model})
    tokenizer.train([str(HERE / "corpus.txt")], trainer)
    return tokenizer


def strip_specials(tokenizer):
    """Byte tokens are ordinary tokens of a SentencePiece vocabulary; the trainer marked them special."""
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(data))


def kinds():
    level = decoders.ByteLevel()
    gpt2 = trained(byte_level(True), decoder=level)
    gpt2.add_special_tokens(CHAT[:1])
    yield "gpt2", gpt2

    llama3 = trained(pre_tokenizers.Sequence([split(LLAMA3), byte_level(False)]), decoder=level, ignore_merges=True)
    llama3.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in
                               ("<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>")])
    llama3.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", llama3.token_to_id("<|begin_of_text|>"))])])
    yield "llama3", llama3

    qwen2 = trained(pre_tokenizers.Sequence([split(QWEN2), byte_level(False)]), normalizers.NFC(), level)
    qwen2.add_special_tokens(CHAT)
    qwen2.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("</tool_call>", normalized=False),
                      AddedToken("<think>", normalized=False)])
    yield "qwen2", qwen2

    o200k = trained(pre_tokenizers.Sequence([split(O200K, "removed", True), byte_level(False)]), decoder=level)
    o200k.add_special_tokens([AddedToken("<｜end▁of▁sentence｜>", special=True, normalized=False)])
    yield "o200k", o200k

    digits = trained(pre_tokenizers.Sequence([pre_tokenizers.Digits(True), byte_level(True, True)]), decoder=level)
    digits.add_special_tokens(CHAT)
    yield "digits", digits

    spm = strip_specials(trained(
        None, normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
        alphabet=False, byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    spm.add_special_tokens([AddedToken("<s>", special=True, normalized=False)])
    spm.add_tokens([AddedToken("</s>", normalized=True)])
    yield "spm", spm

    meta = strip_specials(trained(
        pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first"), None,
        decoders.Metaspace(replacement="▁", prepend_scheme="first"), alphabet=False, byte_fallback=False, fuse_unk=True,
        unk_token="<unk>"))
    meta.add_special_tokens([AddedToken("<s>", special=True, normalized=False)])
    yield "metaspace", meta

    words = trained(
        pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(False)]),
        normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()]),
        alphabet=False, unk_token="[UNK]")
    words.add_special_tokens([AddedToken("[PAD]", special=True), AddedToken("[MASK]", special=True, lstrip=True)])
    words.add_tokens([AddedToken("Dog", normalized=True), AddedToken("cat", single_word=True, normalized=False),
                      AddedToken("--", rstrip=True, normalized=False), AddedToken("cats!", normalized=False)])
    yield "words", words

    suffix = trained(pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous")]),
                     normalizers.NFKC(), alphabet=False, unk_token="<unk>", continuing_subword_prefix="##",
                     end_of_word_suffix="</w>")
    yield "suffix", suffix

    for behavior in ("removed", "merged_with_previous", "merged_with_next", "contiguous"):
        tokenizer = trained(pre_tokenizers.Sequence([split("[,. ]", behavior), byte_level(False)]), normalizers.NFD(), level,
                            vocab=300)
        yield behavior, tokenizer

    for name, normalizer, vocab in (("bert", normalizers.BertNormalizer(), 260), ("cased", normalizers.BertNormalizer(
            lowercase=False, strip_accents=None, clean_text=True), 200)):
        bert = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=40))
        bert.normalizer = normalizer
        bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        bert.decoder = decoders.WordPiece(prefix="##", cleanup=name == "bert")
        bert.train([str(HERE / "corpus.txt")], trainers.WordPieceTrainer(vocab_size=vocab, limit_alphabet=150, show_progress=False,
                   special_tokens=["[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
        bert.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
        yield name, bert

    for name, fallback in (("unigram", False), ("unigram-bytes", True)):
        unigram = Tokenizer(models.Unigram())
        unigram.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
        unigram.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=name == "unigram")
        unigram.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        unigram.train([str(HERE / "corpus.txt")], trainers.UnigramTrainer(vocab_size=300, unk_token="<unk>", show_progress=False,
                      special_tokens=["<unk>", "<s>"] + ([f"<0x{b:02X}>" for b in range(256)] if fallback else [])))
        data = json.loads(unigram.to_str())
        data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
        data["model"]["byte_fallback"] = fallback
        yield name, Tokenizer.from_str(json.dumps(data))

    yield "trained", Tokenizer.from_file(str(HERE / "trained.tokenizer.json"))      # by our own trainer


def settled(c):
    """Leaves out what the Unicode tables of different ages disagree on (the library's marks are from Unicode 9)."""
    category = unicodedata.category(c)
    return category != "Cn" and (category[0] != "M" or unicodedata.ucd_3_2_0.category(c) != "Cn")


def texts(count):
    random.seed(7)
    corpus = (HERE / "corpus.txt").read_text()
    yield from ["", " ", "  ", "\n", "\r\n", "\r\n\r\n x", "\t\t", "a", "aa aa  aa   aa", "\u00a0x\u3000y\u2028z\u0085",
                "I'M you'LL WE'VE it'ſ", "<|im_start|>user\nhi<|im_end|>\n", "a<|endoftext|>b", "x <|eot_id|> y",
                "<tool_call>{}</tool_call>", "<think>\n", "<s>a</s> b <s>", "a</s>b </s> c", "<｜end▁of▁sentence｜>", "<|im_<|im_end|>end|>",
                "Dog dog DOG dogs", "cat cats cats! concat cat. cat", "a --  b-- c", "x [MASK] y[MASK]", "[PAD][UNK]",
                "\u0000\u0001\u0007\u007f\u200b\ufeff", "e\u0301 é ﬁ Å Å ㌀ \u1e9b\u0323", "İstanbul ΑΣ ΟΔΟΣ ǅ ß ẞ",
                "A" * 300, "word" * 200, " " * 100, "\n" * 70, "ab" * 500, "123456789012345", "١٢٣ ⅷ½ 𝟙𝟚", "🏳️‍🌈👩🏽‍🚀🇺🇳",
                "กขฃคฅฆง ไทย", "ἄνθρωπος", "𠜎𠜱𡃁 𝓗𝓮𝓵𝓵𝓸", "ﷺ ﷽", "🤦🏼‍♂️ x", "▁a ▁ b▁", "<0x0A> <unk>", "\U000e0041\U0010fffd\ud7ff\ue000"]
    yield from corpus.splitlines()
    alphabet = sorted(set(corpus)) + list("  \n\n\t.,'\"<>|0123456789aeiou")
    for _ in range(count):
        kind = random.random()
        length = random.randint(1, 40)
        if kind < 0.5:
            yield "".join(random.choices(alphabet, k=length))
        elif kind < 0.75:
            at = random.randrange(len(corpus) - 40)
            yield corpus[at:at + length] + random.choice(["<|im_end|>", "<s>", " ", "cat", "[MASK]"])
        else:
            pick = lambda: random.choice([random.randrange(0x20, 0x250), random.randrange(0x250, 0xd800),
                                          random.randrange(0xe000, 0x10000), random.randrange(0x10000, 0x110000)])
            yield "".join(c for c in (chr(pick()) for _ in range(length)) if settled(c))


# Where the letters of 34 scripts stand; a text of the campaign mixes one or two of them with the pieces below.
SCRIPTS = [(0x41, 0x7b), (0xc0, 0x250), (0x370, 0x400), (0x400, 0x530), (0x530, 0x590), (0x590, 0x600), (0x600, 0x700), (0x700, 0x750),
           (0x780, 0x7c0), (0x900, 0x980), (0x980, 0xa00), (0xa00, 0xa80), (0xa80, 0xb00), (0xb00, 0xb80), (0xb80, 0xc00), (0xc00, 0xc80),
           (0xc80, 0xd00), (0xd00, 0xd80), (0xd80, 0xe00), (0xe00, 0xe80), (0xe80, 0xf00), (0xf00, 0x1000), (0x1000, 0x10a0),
           (0x10a0, 0x1100), (0x1100, 0x1200), (0x1200, 0x1380), (0x13a0, 0x1400), (0x1780, 0x1800), (0x1800, 0x18b0), (0x3040, 0x3100),
           (0x4e00, 0xa000), (0xac00, 0xd7a4), (0x10330, 0x10350), (0x1d400, 0x1d800)]
PIECES = ["👩🏽‍🚀", "🏳️‍🌈", "👨‍👩‍👧‍👦", "🇺🇳🇩🇪", "1️⃣", "☝🏿", "e\u0301", "n\u0303\u0323", "\r\n", "\r\n\r\n", "\n\n", "\t", " ", "  ", " " * 17, " " * 200,
          "\u00a0", "\u3000", "\u2028", "\u200b", "\u200d", "\ufeff", "\u0000", "\u0007", "\u001b[0m", "\u007f", "\u0085", "I'm", "WE'LL", "it's",
          "3.14", "1234567", "0xFF", "²³", "½", "٣", "public static void main(String[] args) {\n    ", "def f(x):\n\treturn x**2\n", "</div>",
          "a->b[i] += c != d;", "$HOME/.x", "https://x.y/z?q=1&r=%20", "#include <a.h>\n", "\\frac{1}{2}", "ſt", "ﬁ", "Å", "ǅ", "İ", "ẞ", "▁", "##",
          "...", "!!!", "——", "“”", "¿", "<|im_end|>", "<s>", "[MASK]", "<tool_call>"]


def campaign(characters):
    """Texts that read like writing: words of one or two scripts, code, emoji, odd spaces, control characters."""
    rng = random.Random(11)
    done = 0
    while done < characters:
        scripts = rng.choices(SCRIPTS, k=2)
        parts = []
        for _ in range(rng.randint(1, 60)):
            if rng.random() < 0.3:
                parts.append(rng.choice(PIECES))
            else:
                low, high = scripts[rng.random() < 0.2]
                word = "".join(chr(rng.randrange(low, high)) for _ in range(rng.randint(1, 9)))
                parts.append(rng.choice(["", " ", " ", " "]) + word + rng.choice(["", "", "", ",", ".", ":"]))
        text = "".join(parts)
        done += len(text)
        yield text


def unicode_strings(count):
    """Strings of any code points but surrogates, assigned or not."""
    rng = random.Random(13)
    ends = [0x80, 0x250, 0x2000, 0x3100, 0xd800, 0x10000, 0x20000, 0x110000]
    for _ in range(count):
        high = rng.choice(ends)
        yield "".join(chr(c) for c in (rng.randrange(high) for _ in range(rng.randint(1, 60))) if not 0xd800 <= c < 0xe000)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--random", type=int, default=40)
    parser.add_argument("--characters", type=int, default=0)
    parser.add_argument("--only", help="one tokenizer")
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    args = parser.parse_args()
    if args.characters and args.out == HERE:
        parser.error("a campaign needs --out")
    args.out.mkdir(parents=True, exist_ok=True)
    for name, tokenizer in kinds():
        if args.only and name != args.only:
            continue
        if name != "trained" or args.out != HERE:
            (args.out / f"{name}.tokenizer.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False))
        rows = []
        inputs = list(texts(40 if args.characters else args.random))
        if args.characters:
            inputs += list(campaign(args.characters)) + list(unicode_strings(args.random))
        print(name, len(inputs), "texts", sum(map(len, inputs)), "characters")
        for text in inputs:
            tokenizer.encode_special_tokens = False
            special = tokenizer.encode(text, add_special_tokens=False).ids
            tokenizer.encode_special_tokens = True
            plain = tokenizer.encode(text, add_special_tokens=False).ids
            row = {"text": text, "special": special, "decoded": tokenizer.decode(special, skip_special_tokens=False),
                   "visible": tokenizer.decode(special, skip_special_tokens=True)}
            if plain != special:
                row["plain"] = plain
            rows.append(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
        (args.out / f"{name}.jsonl").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
