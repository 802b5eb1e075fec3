// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import java.io.ByteArrayOutputStream;
import java.util.BitSet;
import java.util.Map;

/// The pipeline of tokenizer.json: added tokens, normalizer, pre-tokenizer, model; and back.
/// Built by [TokenizerJson] and [GgufTokenizer].
final class PipelineTokenizer implements Tokenizer {
    private final AddedTokens raw;
    private final Normalizer normalizer;
    private final AddedTokens normalized;
    private final PreTokenizer preTokenizer;
    private final TokenModel model;
    private final Map<String, Integer> ids;
    private final byte[][] bytes;
    private final BitSet special;
    private final int leadingSpaces;

    PipelineTokenizer(AddedTokens raw, Normalizer normalizer, AddedTokens normalized, PreTokenizer preTokenizer, TokenModel model,
                 Map<String, Integer> ids, byte[][] bytes, BitSet special, int leadingSpaces) {
        this.raw = raw;
        this.normalizer = normalizer;
        this.normalized = normalized;
        this.preTokenizer = preTokenizer;
        this.model = model;
        this.ids = ids;
        this.bytes = bytes;
        this.special = special;
        this.leadingSpaces = leadingSpaces;
    }

    @Override
    public int[] encode(String text, boolean allowSpecial) {
        IntList out = new IntList();
        for (AddedTokens.Part outer : raw.split(text, allowSpecial)) {
            if (outer.id() >= 0) {
                out.add(outer.id());
                continue;
            }
            for (AddedTokens.Part inner : normalized.split(normalizer.apply(outer.text()), allowSpecial)) {
                if (inner.id() >= 0) {
                    out.add(inner.id());
                    continue;
                }
                for (String word : preTokenizer.split(inner.text(), outer.first() && inner.first())) model.encode(word, out);
            }
        }
        return out.toArray();
    }

    @Override
    public String decode(int[] sequence, boolean skipSpecial) {
        ByteArrayOutputStream joined = new ByteArrayOutputStream(sequence.length * 4);
        for (int id : sequence) if (!(skipSpecial && isSpecial(id))) joined.writeBytes(bytes(id));
        StringBuilder text = new StringBuilder(joined.size());
        Utf8.decode(joined.toByteArray(), joined.size(), true, text);
        int begin = 0;
        while (begin < leadingSpaces && begin < text.length() && text.charAt(begin) == ' ') begin++;
        return text.substring(begin);
    }

    /// Ids without a token have no bytes.
    @Override
    public byte[] bytes(int id) {
        return id >= 0 && id < bytes.length && bytes[id] != null ? bytes[id].clone() : new byte[0];
    }

    @Override
    public int size() {
        return bytes.length;
    }

    @Override
    public boolean isSpecial(int id) {
        return id >= 0 && special.get(id);
    }

    @Override
    public int id(String token) {
        return ids.getOrDefault(token, -1);
    }

    @Override
    public int droppedLeadingSpaces() {
        return leadingSpaces;
    }
}
