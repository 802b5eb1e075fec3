// SPDX-License-Identifier: Apache-2.0
/// What a sequence remembers: keys and values per layer, sized once, lent and taken back whole.
package dev.stoa.cache;
