// SPDX-License-Identifier: Apache-2.0
package dev.stoa.adapter;

import dev.stoa.adapter.PeftReader.MoeOrientation;
import java.nio.file.Path;

/// What a PEFT directory may not say about itself.
///
/// @param orientation how fused experts of square matrices are meant
/// @param initial the directory of the adapter as it was before training, for initializations that changed the base (PiSSA,
///     OLoRA, CorDA, LoRA-GA, LoftQ); null for the others
public record ReadOptions(MoeOrientation orientation, Path initial) {
    public static final ReadOptions NONE = new ReadOptions(MoeOrientation.AUTO, null);
}
