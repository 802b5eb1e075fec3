// SPDX-License-Identifier: Apache-2.0
/// The parts of a layer: norms, rotary positions, linear layers, feed-forward blocks. No files, no configs.
package dev.stoa.nn;
