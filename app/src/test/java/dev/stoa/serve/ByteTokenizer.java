// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.token.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/// One token per byte, and one special token: the end of a turn.
final class ByteTokenizer implements Tokenizer {
    static final int END = 256;

    @Override
    public int[] encode(String text, boolean allowSpecial) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] ids = new int[bytes.length];
        for (int i = 0; i < ids.length; i++) ids[i] = bytes[i] & 0xFF;
        return ids;
    }

    @Override
    public String decode(int[] ids, boolean skipSpecial) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int id : ids) {
            if (id < END) bytes.write(id);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Override
    public byte[] bytes(int id) {
        return id < END ? new byte[] {(byte) id} : "<end>".getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public int size() {
        return 257;
    }

    @Override
    public boolean isSpecial(int id) {
        return id == END;
    }

    @Override
    public int id(String token) {
        return token.equals("<end>") ? END : -1;
    }
}
