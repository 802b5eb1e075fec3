// SPDX-License-Identifier: Apache-2.0
/// What a model pack (a directory or a GGUF file) holds and what is wrong with it, from the heads of its files.
package dev.stoa.model.pack;
