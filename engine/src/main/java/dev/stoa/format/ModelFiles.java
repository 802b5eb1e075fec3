// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// A model on disk, whatever its layout: a directory (of Hugging Face or MLX) or a GGUF file. Parsed but not interpreted;
/// weights are mapped into the scope it was opened in. Immutable and thread-safe.
public sealed interface ModelFiles permits ModelDirectory, Gguf {
    /// Opens what is there to chat with. A directory without tokenizer is refused here, a GGUF file where its tokenizer
    /// is read.
    static ModelFiles open(Path path, Scope scope) throws IOException {
        return isGguf(path) ? Gguf.open(path, scope) : ModelDirectory.open(path, scope);
    }

    /// Like [#open], but the tokenizer may be missing: for work on raw token ids.
    static ModelFiles openWithoutTokenizer(Path path, Scope scope) throws IOException {
        return isGguf(path) ? Gguf.open(path, scope) : ModelDirectory.openWithoutTokenizer(path, scope);
    }

    /// Whether `path` is read as GGUF: any file, and what is not there but has its name.
    static boolean isGguf(Path path) {
        return Files.isRegularFile(path) || !Files.exists(path) && path.toString().endsWith(".gguf");
    }

    /// The directory, or the (first) file.
    Path path();

    /// Refuses files that are not those a manifest beside them records. Reads all weights, which [#modelHash] then does not
    /// do again.
    void requireManifest() throws IOException;

    /// model_hash: reads all weights, so callers keep the result.
    String modelHash() throws IOException;

    /// The model_hash of every model that this one is a converted or quantized copy of, nearest first (formats.md,
    /// section 12). `modelHash` is this model's own: a record that speaks of other weights is refused.
    List<String> origins(String modelHash) throws IOException;

    /// tokenizer_hash, or null without a tokenizer; null never equals anything.
    String tokenizerHash();

    /// Source of the chat template, or null.
    String chatTemplate();

    /// chat_template_hash, or null without a template; null never equals anything.
    default String templateHash() {
        return chatTemplate() == null ? null : ModelHashes.template(chatTemplate());
    }
}
