// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// One door to adapters of every dialect: a `.gguf` file, a directory of PEFT, of mlx-lm or of go-mlx, told apart by the
/// files that are there.
public final class AdapterFiles {
    private AdapterFiles() {}

    /// The adapter at `path`. `names` may be null when the base has no GGUF names: then GGUF adapters are refused.
    public static Adapter read(Path path, AdapterBase base, GgufNames names, Scope scope) throws IOException {
        if (Files.isRegularFile(path) && path.getFileName().toString().endsWith(".gguf")) {
            if (names == null) {
                throw Fault.of(EngineFault.ADAPTER_INCOMPATIBLE, "GGUF adapters of this model family are not read").where(path)
                        .next("convert the adapter to PEFT first").exception();
            }
            return GgufLoraReader.read(path, names, base, scope);
        }
        boolean mlx = Files.exists(path.resolve(MlxReader.WEIGHTS)) || Files.exists(path.resolve(MlxReader.GO_WEIGHTS));
        if (mlx && !Files.exists(path.resolve(PeftReader.WEIGHTS))) return MlxReader.read(path, base, scope);
        return PeftReader.read(path, base, PeftReader.MoeOrientation.AUTO, scope);
    }
}
