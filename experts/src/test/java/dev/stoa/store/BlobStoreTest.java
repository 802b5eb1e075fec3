// SPDX-License-Identifier: Apache-2.0
package dev.stoa.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BlobStoreTest {
    @TempDir
    Path directory;

    @Test
    void aBlobIsNamedByTheSha256OfItsBytes() throws IOException {
        BlobStore blobs = new BlobStore(directory, Disk.local());
        String hash = blobs.put("abc".getBytes(StandardCharsets.US_ASCII));
        // The published test vector of SHA-256.
        assertThat(hash).isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assertThat(blobs.path(hash)).isEqualTo(directory.resolve("sha256/ba/" + hash)).exists();
        assertThat(blobs.read(hash)).asString().isEqualTo("abc");
        Path file = Files.writeString(directory.resolve("source"), "abc");
        assertThat(blobs.put(file)).isEqualTo(hash);
        try (var left = Files.list(blobs.path(hash).getParent())) {
            assertThat(left).hasSize(1);
        }
    }

    @Test
    void everyFlippedByteIsRefusedNamingTheBlobAndPutRepairsIt() throws IOException {
        BlobStore blobs = new BlobStore(directory, Disk.local());
        byte[] good = "the factors of an expert".getBytes(StandardCharsets.US_ASCII);
        String hash = blobs.put(good);
        for (int at = 0; at < good.length; at++) {
            byte[] bad = good.clone();
            bad[at] ^= 1;
            blobs.path(hash).toFile().setWritable(true);
            Files.write(blobs.path(hash), bad);
            assertThatThrownBy(() -> blobs.read(hash)).isInstanceOf(FaultException.class).hasMessageContaining(hash);
            assertThatThrownBy(() -> blobs.verify(hash)).isInstanceOf(FaultException.class).hasMessageContaining(hash);
        }
        assertThat(blobs.put(good)).isEqualTo(hash);
        assertThat(blobs.read(hash)).isEqualTo(good);
    }

    @Test
    void anAbsentBlobAndAPathInPlaceOfAHashAreRefused() {
        BlobStore blobs = new BlobStore(directory, Disk.local());
        assertThatThrownBy(() -> blobs.read("0".repeat(64))).isInstanceOf(FaultException.class)
                .hasMessageContaining("not in the store");
        for (String path : new String[] {"", "../../etc/passwd", "A".repeat(64), "0".repeat(63)}) {
            assertThatThrownBy(() -> blobs.read(path)).isInstanceOf(IllegalArgumentException.class);
        }
    }
}
