// SPDX-License-Identifier: Apache-2.0
/// Evaluation: seeded randomness, intervals and tests for claims.
package dev.stoa.eval;
