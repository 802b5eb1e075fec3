// SPDX-License-Identifier: Apache-2.0
/// Memory with a shape: data types, tensors over off-heap segments, and the ledger that counts them. No math.
package dev.stoa.tensor;
