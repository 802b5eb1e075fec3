// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.format.Sha256;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/// A hash of the compiled code behind some classes, so that cached results die with the code that made them.
/// Builds are reproducible, so equal sources give an equal hash.
final class CodeVersion {
    private CodeVersion() {}

    /// Hash over the jars (or class directories) that hold the given classes.
    static String of(Class<?>... classes) {
        try {
            StringBuilder parts = new StringBuilder();
            for (Class<?> type : classes) {
                Path place = Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
                parts.append(hash(place)).append('\n');
            }
            return Sha256.hex(parts.toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String hash(Path place) throws IOException {
        if (Files.isRegularFile(place)) return HexFormat.of().formatHex(Sha256.digest(place));
        List<Path> files;
        try (Stream<Path> walk = Files.walk(place)) {
            files = walk.filter(Files::isRegularFile).sorted().toList();
        }
        StringBuilder parts = new StringBuilder();
        for (Path file : files) parts.append(place.relativize(file)).append(' ').append(HexFormat.of().formatHex(Sha256.digest(file))).append('\n');
        return Sha256.hex(parts.toString());
    }
}
