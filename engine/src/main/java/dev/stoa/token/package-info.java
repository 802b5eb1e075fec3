// SPDX-License-Identifier: Apache-2.0
/// Text to token ids and back. Reads and trains `tokenizer.json`; no I/O of its own.
package dev.stoa.token;
