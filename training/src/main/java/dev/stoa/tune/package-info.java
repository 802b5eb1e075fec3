// SPDX-License-Identifier: Apache-2.0
/// Training runs: one loop with guards, checkpoints and exact resume; a base from scratch, or adapters on a frozen one.
package dev.stoa.tune;
