// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// Looks for forgotten ids and texts in the raw bytes of every file of a tenant, in one pass over each file.
final class FileScan {
    private static final int HEAD = 8; // bytes by which a probe is looked up; shorter ones are not looked for

    private record Probe(byte[] bytes, String text) {}

    private FileScan() {}

    /// True when no file holds one of the ids, or one of the texts except as part of a live record's.
    static boolean absent(Path directory, Collection<String> ids, Collection<String> texts, MemoryState state) throws IOException {
        Map<Long, List<Probe>> probes = new HashMap<>();
        for (String id : ids) add(probes, id, null);
        for (String text : texts) {
            add(probes, text, text);
            add(probes, LogEntry.escaped(text), text);
        }
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                if (holds(Files.readAllBytes(file), probes, state)) return false;
            }
        }
        return true;
    }

    private static void add(Map<Long, List<Probe>> probes, String content, String text) {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        if (bytes.length >= HEAD) {
            probes.computeIfAbsent(ByteBuffer.wrap(bytes).getLong(), head -> new ArrayList<>()).add(new Probe(bytes, text));
        }
    }

    private static boolean holds(byte[] content, Map<Long, List<Probe>> probes, MemoryState state) {
        ByteBuffer buffer = ByteBuffer.wrap(content);
        for (int at = 0; at + HEAD <= content.length; at++) {
            for (Probe probe : probes.getOrDefault(buffer.getLong(at), List.of())) {
                int end = at + probe.bytes().length;
                if (end > content.length || !Arrays.equals(content, at, end, probe.bytes(), 0, probe.bytes().length)) continue;
                if (probe.text() == null || !state.anyTextHolds(probe.text())) return true;
            }
        }
        return false;
    }
}
