// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/// The hash a hub names a blob by: SHA-256 of large files, and of others what git calls them,
/// SHA-1("blob " + size + NUL + bytes). Used by one thread.
final class BlobHash {
    private static final int SHA256_LETTERS = 64;
    private final MessageDigest digest;
    private final MessageDigest sha256;

    private BlobHash(MessageDigest digest, MessageDigest sha256) {
        this.digest = digest;
        this.sha256 = sha256;
    }

    /// A running hash for a file of `size` bytes whose name is `etag`.
    static BlobHash of(String etag, long size) {
        MessageDigest sha256 = digest("SHA-256");
        if (etag.length() == SHA256_LETTERS) return new BlobHash(sha256, sha256);
        MessageDigest git = digest("SHA-1");
        git.update(("blob " + size + "\0").getBytes(StandardCharsets.US_ASCII));
        return new BlobHash(git, sha256);
    }

    /// What git calls a whole file.
    static byte[] git(Path file) throws IOException {
        BlobHash hash = of("", Files.size(file));
        hash.update(file);
        return hash.digest.digest();
    }

    void update(byte[] bytes, int from, int count) {
        digest.update(bytes, from, count);
        if (sha256 != digest) sha256.update(bytes, from, count);
    }

    /// The content of a file so far.
    void update(Path file) throws IOException {
        byte[] chunk = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(file)) {
            for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) update(chunk, 0, n);
        }
    }

    /// Ends the hash.
    Result finish() {
        byte[] name = digest.digest();
        return new Result(HexFormat.of().formatHex(name), sha256 == digest ? name : sha256.digest());
    }

    /// The name the content has on the hub, and its SHA-256.
    record Result(String etag, byte[] sha256) {}

    private static MessageDigest digest(String algorithm) {
        try {
            return MessageDigest.getInstance(algorithm);
        } catch (NoSuchAlgorithmException missing) {
            throw new IllegalStateException("every Java platform has " + algorithm, missing);
        }
    }
}
