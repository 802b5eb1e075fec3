// SPDX-License-Identifier: Apache-2.0
package dev.stoa.eval.world;

import dev.stoa.Fault;
import dev.stoa.TrainingFault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.dataformat.yaml.YAMLMapper;

/// Reads the YAML and text resources beside this class; an unknown key is an error.
final class Yaml {
    private static final YAMLMapper MAPPER = YAMLMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

    private Yaml() {}

    static <T> T resource(String name, Class<T> type) {
        try {
            return MAPPER.readValue(text(name), type);
        } catch (JacksonException cause) {
            throw Fault.of(TrainingFault.WORLD_INVALID, "a resource of the demo world does not parse").where(name)
                    .got(cause.getOriginalMessage()).causedBy(cause);
        }
    }

    static String text(String name) {
        try (InputStream in = Yaml.class.getResourceAsStream(name)) {
            if (in == null) throw new IllegalStateException("resource missing from the program: " + name);
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException cause) {
            throw new IllegalStateException("resource unreadable: " + name, cause);
        }
    }
}
