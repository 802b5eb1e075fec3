// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Which files of a PEFT directory belong to an expert. A list of names, so that checkpoints, logs and secrets that
/// happen to lie there never enter the library, and no stored name can leave its directory.
final class AdapterFiles {
    private static final List<String> REQUIRED = List.of("adapter_config.json", "adapter_model.safetensors");
    private static final Set<String> OPTIONAL = Set.of("README.md", "LICENSE", "tokenizer.json",
            "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja");
    private static final List<String> PICKLE = List.of(".bin", ".pt", ".pth", ".ckpt", ".pkl");

    private AdapterFiles() {}

    static boolean isStorable(String name) {
        return REQUIRED.contains(name) || OPTIONAL.contains(name);
    }

    /// The files to store, in name order.
    static List<Path> of(Path directory) throws IOException {
        List<Path> found = new ArrayList<>();
        List<String> issues = new ArrayList<>();
        boolean complete = true;
        for (String name : REQUIRED) {
            complete &= Files.isRegularFile(directory.resolve(name), LinkOption.NOFOLLOW_LINKS);
        }
        if (!Files.isDirectory(directory)) issues.add("there is no such directory");
        else {
            try (var entries = Files.list(directory)) {
                for (Path file : entries.sorted().toList()) {
                    String name = file.getFileName().toString();
                    boolean plain = Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
                    if (isStorable(name) && !plain) issues.add(name + " is not a plain file");
                    else if (isStorable(name)) found.add(file);
                    else if (!complete && PICKLE.stream().anyMatch(name::endsWith)) {
                        issues.add(name + " is a pickle file, which can run code: convert to safetensors");
                    }
                }
            }
            for (String name : REQUIRED) {
                if (found.stream().noneMatch(file -> file.getFileName().toString().equals(name))) {
                    issues.add(name + " is missing");
                }
            }
        }
        if (issues.isEmpty()) return found;
        throw Fault.of(ExpertsFault.UNSAFE_ADAPTER_FILE, "not a PEFT adapter directory that can be stored")
                .where(directory)
                .issues(issues).exception();
    }
}
