// SPDX-License-Identifier: Apache-2.0
package dev.stoa.data;

import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.TrainingFault;
import dev.stoa.format.Json;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import tools.jackson.databind.JsonNode;

/// Reads a JSON Lines file row by row in memory of the longest line: UTF-8, at most 64 MB a line, a byte order mark and
/// CRLF accepted, blank lines skipped, never split at U+2028. For one thread; close it.
public final class JsonLines implements AutoCloseable {
    private static final int MAX_LINE = 64 << 20;
    private final Path file;
    private final InputStream in;
    private final ByteArrayOutputStream buffer = new ByteArrayOutputStream(4096);
    private int line;

    public JsonLines(Path file) throws IOException {
        this.file = file;
        in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
    }

    /// The next line that is not blank, without its end; null at the end of the file.
    public byte[] next() throws IOException {
        while (readLine()) {
            byte[] bytes = buffer.toByteArray();
            boolean mark = line == 1 && bytes.length >= 3 && bytes[0] == (byte) 0xEF && bytes[1] == (byte) 0xBB && bytes[2] == (byte) 0xBF;
            int from = mark ? 3 : 0, to = bytes.length;
            while (to > from && Character.isWhitespace(bytes[to - 1])) to--;
            if (to > from) return Arrays.copyOfRange(bytes, from, to);
        }
        return null;
    }

    private boolean readLine() throws IOException {
        buffer.reset();
        int next = in.read();
        if (next < 0) return false;
        line++;
        for (; next >= 0 && next != '\n'; next = in.read()) {
            buffer.write(next);
            if (buffer.size() > MAX_LINE) {
                throw Fault.of(TrainingFault.ROW_INVALID, "a line is longer than 64 MB").where(where())
                        .next("check that the file has one JSON object per line").exception();
            }
        }
        return true;
    }

    /// Place of the current line: `file:line`.
    public String where() {
        return file + ":" + line;
    }

    /// The object of a line; a fault names file, line and column.
    public JsonNode parse(byte[] bytes) {
        JsonNode row;
        try {
            row = Json.parse(bytes, "", TrainingFault.ROW_INVALID);
        } catch (FaultException problem) {
            String place = problem.fault().where(); // ":1:column" within the line
            throw problem.fault().where(where() + (place.startsWith(":1:") ? place.substring(2) : "")).next("correct the line")
                    .causedBy(problem);
        }
        if (row.isObject()) return row;
        throw Fault.of(TrainingFault.ROW_INVALID, "the row is not a JSON object").where(where() + ":1").got(row.getNodeType())
                .expected("{\"messages\": [...]} or {\"prompt\": ..., \"completion\": ...}").next("correct the line").exception();
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
