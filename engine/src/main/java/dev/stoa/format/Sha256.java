// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/// A running SHA-256 over typed pieces: integers little-endian, text and names with a u32 byte length before them.
/// One thread at a time; [#digest] ends it.
public final class Sha256 {
    private static final int CHUNK = 1 << 16;
    private final MessageDigest digest;
    private final byte[] chunk = new byte[CHUNK];

    public Sha256() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException missing) {
            throw new IllegalStateException("every Java platform has SHA-256", missing);
        }
    }

    /// Lower-case hex digest of raw bytes.
    public static String hex(byte[] bytes) {
        return new Sha256().bytes(bytes).hex();
    }

    /// Lower-case hex digest of a text's UTF-8 bytes.
    public static String hex(String text) {
        return hex(text.getBytes(StandardCharsets.UTF_8));
    }

    /// Digest of a whole file.
    public static byte[] digest(Path file) throws IOException {
        Sha256 sum = new Sha256();
        try (InputStream in = Files.newInputStream(file)) {
            for (int n = in.read(sum.chunk); n >= 0; n = in.read(sum.chunk)) sum.digest.update(sum.chunk, 0, n);
        }
        return sum.digest();
    }

    /// Raw bytes, without a length.
    public Sha256 bytes(byte[] bytes) {
        digest.update(bytes);
        return this;
    }

    /// Raw bytes of a segment, without a length.
    public Sha256 bytes(MemorySegment segment) {
        MemorySegment window = MemorySegment.ofArray(chunk);
        for (long at = 0; at < segment.byteSize(); at += CHUNK) {
            int n = (int) Math.min(CHUNK, segment.byteSize() - at);
            MemorySegment.copy(segment, at, window, 0, n);
            digest.update(chunk, 0, n);
        }
        return this;
    }

    public Sha256 u8(int value) {
        digest.update((byte) value);
        return this;
    }

    public Sha256 u32(int value) {
        for (int shift = 0; shift < 32; shift += 8) digest.update((byte) (value >>> shift));
        return this;
    }

    public Sha256 u64(long value) {
        for (int shift = 0; shift < 64; shift += 8) digest.update((byte) (value >>> shift));
        return this;
    }

    /// u32 byte length, then UTF-8.
    public Sha256 text(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        return u32(utf8.length).bytes(utf8);
    }

    public byte[] digest() {
        return digest.digest();
    }

    /// [#digest] as lower-case hex.
    public String hex() {
        return HexFormat.of().formatHex(digest());
    }
}
