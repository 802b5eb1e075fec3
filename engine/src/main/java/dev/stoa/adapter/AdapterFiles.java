// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.Gguf;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// One door to adapters of every dialect: a `.gguf` file, a directory of PEFT, of mlx-lm or of go-mlx, told apart by the
/// files that are there.
public final class AdapterFiles {
    private AdapterFiles() {}

    /// Whether an adapter lies at `path` rather than a model: by the files of a directory, by what a GGUF file says it is.
    public static boolean present(Path path) throws IOException {
        if (Files.isDirectory(path)) return Files.exists(path.resolve("adapter_config.json"));
        return Files.isRegularFile(path) && Gguf.inspect(path).metadata().text("general.type", "model").equals("adapter");
    }

    /// The adapter at `path`. `names` may be null when the base has no GGUF names: then GGUF adapters are refused.
    public static Adapter read(Path path, AdapterBase base, GgufNames names, Scope scope) throws IOException {
        return read(path, base, names, ReadOptions.NONE, scope);
    }

    /// Like [#read(Path, AdapterBase, GgufNames, Scope)]; an initial adapter is for PEFT directories only.
    public static Adapter read(Path path, AdapterBase base, GgufNames names, ReadOptions options, Scope scope) throws IOException {
        boolean peft = Files.isDirectory(path) && (Files.exists(path.resolve(PeftReader.WEIGHTS))
                || !Files.exists(path.resolve(MlxReader.WEIGHTS)) && !Files.exists(path.resolve(MlxReader.GO_WEIGHTS)));
        if (options.initial() != null && !peft) {
            throw Fault.of(EngineFault.ADAPTER_INVALID, "only PEFT adapters change their base when they begin").where(path)
                    .next("leave --initial-adapter out").exception();
        }
        if (Files.isRegularFile(path) && path.getFileName().toString().endsWith(".gguf")) {
            if (names == null) {
                throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "GGUF adapters of this model family are not read").where(path)
                        .next("convert the adapter to PEFT first").exception();
            }
            return GgufLoraReader.read(path, names, base, scope);
        }
        return peft || !Files.isDirectory(path) ? PeftReader.read(path, base, options, scope) : MlxReader.read(path, base, scope);
    }
}
