// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cache;

/// What one layer remembers of one sequence. Belongs to the stack it came from.
public sealed interface LayerState permits KvSlab, RecurrentState {}
