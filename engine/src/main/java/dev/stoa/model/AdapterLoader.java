// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import dev.stoa.adapter.Adapter;
import dev.stoa.adapter.AdapterBase;
import dev.stoa.adapter.AdapterFiles;
import dev.stoa.adapter.ReadOptions;
import dev.stoa.model.family.GgufTranslation;
import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;

/// Reads an adapter of any dialect for one model, ready to be mounted: its modules bound, its rows and columns in the
/// order of the model's file, its row factors known. One adapter thus fits the safetensors, MLX and GGUF copies of a base.
public final class AdapterLoader {
    private AdapterLoader() {}

    /// `path` is a directory or a `.gguf` file; memory comes from `scope`.
    public static Adapter read(Path path, Model model, Scope scope) throws IOException {
        return read(path, model, ReadOptions.NONE, scope);
    }

    /// Like [#read(Path, Model, Scope)], with what the files do not say about themselves.
    public static Adapter read(Path path, Model model, ReadOptions options, Scope scope) throws IOException {
        AdapterBase base = AdapterBase.ofModules(model.adaptableShapes());
        Adapter canonical = AdapterFiles.read(path, base, GgufTranslation.adapterNames(model.spec(), model.linearShapes().keySet()), options, scope);
        return DoraFactors.resolve(AdapterLayout.toFile(canonical, model.spec(), scope), model, scope);
    }
}
