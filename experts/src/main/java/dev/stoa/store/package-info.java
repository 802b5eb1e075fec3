// SPDX-License-Identifier: Apache-2.0
/// Durable files: an append-only log, an atomically replaced file, content-addressed blobs, a one-writer lock.
package dev.stoa.store;
