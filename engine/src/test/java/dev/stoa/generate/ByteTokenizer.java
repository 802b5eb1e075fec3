// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.token.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// Ids are chosen byte strings; by default one printable character per id, id 2 being the special end token.
public final class ByteTokenizer implements Tokenizer {
    private final List<byte[]> pieces = new ArrayList<>();

    /// `size` ids: id i is the character (char) (32 + i).
    public ByteTokenizer(int size) {
        for (int i = 0; i < size; i++) pieces.add(new byte[] {(byte) (32 + i)});
    }

    ByteTokenizer(List<byte[]> pieces) {
        this.pieces.addAll(pieces);
    }

    @Override
    public int[] encode(String text, boolean allowSpecial) {
        return text.chars().map(c -> c - 32).toArray();
    }

    @Override
    public String decode(int[] ids, boolean skipSpecial) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int id : ids) if (!skipSpecial || !isSpecial(id)) bytes.writeBytes(pieces.get(id));
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Override
    public byte[] bytes(int id) {
        return pieces.get(id);
    }

    @Override
    public int size() {
        return pieces.size();
    }

    @Override
    public boolean isSpecial(int id) {
        return id == 2;
    }

    @Override
    public int id(String token) {
        return token.length() == 1 ? token.charAt(0) - 32 : -1;
    }
}
