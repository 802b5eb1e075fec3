// SPDX-License-Identifier: Apache-2.0
/// The expert library: immutable versions by content, their states, and publishing as a transaction.
package dev.stoa.library;
