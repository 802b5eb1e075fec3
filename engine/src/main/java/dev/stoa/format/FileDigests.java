// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// SHA-256 of files, each read once as long as its size, time of change and identity on disk stay the same.
/// Belongs to one opened model or one command; thread-safe.
public final class FileDigests {
    private final Map<Path, Entry> known = new ConcurrentHashMap<>();

    /// Size and digest of a file's content.
    public record Digest(long size, byte[] sha256) {
        public String hex() {
            return HexFormat.of().formatHex(sha256);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Digest d && size == d.size && Arrays.equals(sha256, d.sha256);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(sha256);
        }
    }

    private record State(long size, long changedNanos, Object identity) {
        static State of(Path file) throws IOException {
            BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
            return new State(now.size(), now.lastModifiedTime().to(java.util.concurrent.TimeUnit.NANOSECONDS), now.fileKey());
        }
    }

    private record Entry(State state, Digest digest) {}

    /// The digest of a file as it is now; links are followed.
    public Digest of(Path file) throws IOException {
        Path key = file.toAbsolutePath().normalize();
        State state = State.of(key);
        Entry entry = known.get(key);
        if (entry != null && entry.state().equals(state)) return entry.digest();
        Digest digest = new Digest(state.size(), Sha256.digest(key));
        known.put(key, new Entry(state, digest));
        return digest;
    }

    /// Notes a digest that was computed while the file was written.
    public void know(Path file, byte[] sha256) throws IOException {
        Path key = file.toAbsolutePath().normalize();
        State state = State.of(key);
        known.put(key, new Entry(state, new Digest(state.size(), sha256.clone())));
    }
}
