// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stoa.FaultException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
    @TempDir Path dir;

    private String[] names() throws IOException {
        try (var files = Files.list(dir)) {
            return files.map(file -> file.getFileName().toString()).sorted().toArray(String[]::new);
        }
    }

    @Test
    void replacesWholeOrNotAtAll() throws IOException {
        Path file = dir.resolve("a.txt");
        AtomicFiles.write(file, "old");
        assertThatThrownBy(() -> AtomicFiles.write(file, channel -> {
            channel.write(ByteBuffer.wrap(new byte[] {1, 2}));
            assertThat(Files.readString(file)).isEqualTo("old");
            throw new IOException("disk full");
        })).hasMessage("disk full");
        assertThat(Files.readString(file)).isEqualTo("old");
        AtomicFiles.write(file, "new é");
        assertThat(Files.readString(file)).isEqualTo("new é");
        assertThat(names()).containsExactly("a.txt");
    }

    @Test
    void directoriesAppearComplete() throws IOException {
        Path target = dir.resolve("out");
        Files.createDirectory(target);
        AtomicFiles.writeDirectory(target, part -> {
            assertThat(names()).hasSize(2).anyMatch(name -> name.startsWith(".out.part-"));
            Files.writeString(part.resolve("x"), "1");
            Files.createDirectory(part.resolve("sub"));
            Files.writeString(part.resolve("sub/y"), "2");
        });
        assertThat(Files.readString(target.resolve("sub/y"))).isEqualTo("2");
        assertThat(names()).containsExactly("out");
        assertThatThrownBy(() -> AtomicFiles.writeDirectory(target, part -> {}))
                .isInstanceOf(FaultException.class).hasMessageContaining("output_exists");
        assertThatThrownBy(() -> AtomicFiles.writeDirectory(dir.resolve("broken"), part -> {
            Files.writeString(part.resolve("x"), "1");
            throw new IOException("disk full");
        })).hasMessage("disk full");
        assertThat(names()).containsExactly("out");
    }
}
