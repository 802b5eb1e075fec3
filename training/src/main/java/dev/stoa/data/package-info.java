// SPDX-License-Identifier: Apache-2.0
/// Training data: rows of a file become tokenized samples with loss weights, samples become packed batches.
package dev.stoa.data;
