// SPDX-License-Identifier: Apache-2.0
/// Whole models from one layout into another: Hugging Face, MLX, GGUF.
package dev.stoa.model.convert;
