// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model.calibrate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.Json;
import dev.stoa.format.Sha256;
import dev.stoa.token.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// Text to measure on, as sequences of token ids, and the hash of the file it came from.
public record Calibration(List<int[]> sequences, String hash) {
    /// Tokens of one sequence, and how many sequences there must be (models.md, section 4.3).
    public static final int LENGTH = 256;
    public static final int LEAST = 16;

    public Calibration {
        sequences = List.copyOf(sequences);
    }

    /// Sequences of the text of a file: plain text, or, for a name ending in `.json`, an array of arrays of ids. At most
    /// `most` sequences are kept, evenly spread. `maxLength` is the model's context; short ones make more sequences.
    public static Calibration of(String name, String text, Tokenizer tokenizer, int vocab, int maxLength, int most) {
        List<Integer> ids = new ArrayList<>();
        if (name.endsWith(".json")) {
            for (JsonNode row : Json.parse(text, name, EngineFault.CONFIG_INVALID)) for (JsonNode id : row) ids.add(id.asInt(-1));
        } else {
            if (tokenizer == null) {
                throw Fault.of(EngineFault.MISSING_FILE, "the model has no tokenizer to read the calibration text with").where(name)
                        .next("give a .json file with arrays of token ids").exception();
            }
            for (int id : tokenizer.encode(text, true)) ids.add(id);
        }
        for (int id : ids) {
            if (id < 0 || id >= vocab) throw Fault.of(EngineFault.OUT_OF_RANGE, "a token id is not in the vocabulary").where(name).got(id)
                    .expected("0 to " + (vocab - 1)).exception();
        }
        if (ids.size() < LEAST * LENGTH) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "the calibration text is too short to measure on").where(name).got(ids.size() + " tokens")
                    .expected("at least " + LEAST * LENGTH).next("give more text of the kind the model is for").exception();
        }
        int length = Math.min(LENGTH, maxLength);
        int count = ids.size() / length;
        int kept = Math.min(count, Math.max(most, (LEAST * LENGTH + length - 1) / length));
        List<int[]> sequences = new ArrayList<>();
        for (int i = 0; i < kept; i++) {
            int from = (int) ((long) i * count / kept) * length;
            sequences.add(ids.subList(from, from + length).stream().mapToInt(Integer::intValue).toArray());
        }
        return new Calibration(sequences, new Sha256().bytes(text.getBytes(StandardCharsets.UTF_8)).hex());
    }

    /// All tokens.
    public int tokens() {
        return sequences.stream().mapToInt(ids -> ids.length).sum();
    }

    /// The first ids of a sequence.
    int[] start(int sequence, int count) {
        return Arrays.copyOf(sequences.get(sequence % sequences.size()), count);
    }
}
