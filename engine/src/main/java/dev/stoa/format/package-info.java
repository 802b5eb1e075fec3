// SPDX-License-Identifier: Apache-2.0
/// Containers on disk: safetensors, model directories, checksums, atomic writes. Everything read is hostile.
package dev.stoa.format;
