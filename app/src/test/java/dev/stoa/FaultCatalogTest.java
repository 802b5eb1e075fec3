// SPDX-License-Identifier: Apache-2.0
package dev.stoa;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Error codes are unique over all modules, and the reference page lists exactly them.
class FaultCatalogTest {
    private static final Path PAGE = Path.of("..", "docs", "reference", "errors.md");
    private static final Pattern ROW = Pattern.compile("^\\| `([a-z0-9_]+)` \\| \\S.*\\|$", Pattern.MULTILINE);

    private static List<String> codes() {
        return Stream.<Fault.Code[]>of(EngineFault.values(), TrainingFault.values(), ExpertsFault.values(), AppFault.values())
                .flatMap(Stream::of).map(Fault.Code::id).toList();
    }

    @Test
    void everyCodeIsUnique() {
        assertThat(codes()).doesNotHaveDuplicates();
    }

    @Test
    void theReferencePageListsExactlyTheCodes() throws IOException {
        List<String> listed = ROW.matcher(Files.readString(PAGE)).results().map(row -> row.group(1)).toList();
        assertThat(listed).containsExactlyInAnyOrderElementsOf(codes());
    }
}
