// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// SentencePiece's `precompiled_charsmap`: u32 size of a double-array trie (Darts), the trie, then NUL-terminated
/// replacements that its values point into. Applied to each grapheme cluster of less than 6 bytes as a whole, else to
/// its characters, as Hugging Face does. Immutable.
final class CharacterMap {
    private static final Pattern CLUSTER = Pattern.compile("\\X");
    private static final int MAX_CLUSTER = 6;
    private final int[] units;
    private final byte[] replacements;

    private CharacterMap(int[] units, byte[] replacements) {
        this.units = units;
        this.replacements = replacements;
    }

    static CharacterMap base64(String text, String where) {
        try {
            return of(Base64.getDecoder().decode(text), where);
        } catch (IllegalArgumentException notBase64) {
            throw invalid("not Base64", where);
        }
    }

    static CharacterMap of(byte[] data, String where) {
        ByteBuffer buffer = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        int size = data.length < 4 ? -1 : buffer.getInt();
        if (size < 4 || size % 4 != 0 || size > data.length - 4) throw invalid("the size of the trie is impossible", where);
        int[] units = new int[size / 4];
        for (int i = 0; i < units.length; i++) units[i] = buffer.getInt();
        byte[] rest = new byte[buffer.remaining()];
        buffer.get(rest);
        return new CharacterMap(units, rest);
    }

    private static FaultException invalid(String what, String where) {
        return Fault.of(EngineFault.TOKENIZER_INVALID, "the character map cannot be read: %s", what).where(where)
                .next("fetch the file again").exception();
    }

    String apply(String text) {
        StringBuilder out = new StringBuilder(text.length());
        Matcher cluster = CLUSTER.matcher(text);
        while (cluster.find()) {
            String part = cluster.group();
            byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
            String whole = bytes.length < MAX_CLUSTER ? find(bytes) : null;
            if (whole != null) {
                out.append(whole);
                continue;
            }
            part.codePoints().forEach(c -> {
                String one = Character.toString(c);
                String found = find(one.getBytes(StandardCharsets.UTF_8));
                out.append(found != null ? found : one);
            });
        }
        return out.toString();
    }

    /// The replacement of the shortest prefix in the trie, or null.
    private String find(byte[] key) {
        int at = offset(units[0]);
        for (byte b : key) {
            if (b == 0) break;
            at ^= b & 255;
            if (at < 0 || at >= units.length) return null;
            int unit = units[at];
            if ((unit & (1 << 31 | 0xFF)) != (b & 255)) return null;
            at ^= offset(unit);
            if (at < 0 || at >= units.length) return null;
            if ((unit >>> 8 & 1) == 1) return replacement(units[at] & Integer.MAX_VALUE);
        }
        return null;
    }

    private static int offset(int unit) {
        return unit >>> 10 << ((unit & 1 << 9) >>> 6);
    }

    private String replacement(int begin) {
        if (begin >= replacements.length) return null;
        int end = begin;
        while (end < replacements.length && replacements[end] != 0) end++;
        return new String(replacements, begin, end - begin, StandardCharsets.UTF_8);
    }
}
