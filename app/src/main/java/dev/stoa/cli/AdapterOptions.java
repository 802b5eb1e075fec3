// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.adapter.PeftReader.MoeOrientation;
import dev.stoa.adapter.ReadOptions;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Option;

/// What a PEFT adapter may not say about itself, for the verbs that read one.
final class AdapterOptions {
    @Option(names = "--initial-adapter", paramLabel = "DIR",
            description = "The adapter as it was before training, for PiSSA, OLoRA, CorDA, LoRA-GA and LoftQ, which changed the base.")
    private Path initial;

    @Option(names = "--moe-orientation", paramLabel = "WORD",
            description = "legacy or modern: which axis of fused square experts is the input, when the file does not tell.")
    private String orientation;

    ReadOptions read() {
        if (orientation == null) return new ReadOptions(MoeOrientation.AUTO, initial);
        for (MoeOrientation one : new MoeOrientation[] {MoeOrientation.LEGACY, MoeOrientation.MODERN}) {
            if (one.name().equals(orientation.toUpperCase(Locale.ROOT))) return new ReadOptions(one, initial);
        }
        throw Fault.of(AppFault.USAGE, "unknown orientation").where("--moe-orientation").got(orientation).expected("legacy or modern").exception();
    }
}
