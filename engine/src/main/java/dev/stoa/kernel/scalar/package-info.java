// SPDX-License-Identifier: Apache-2.0
/// The readable truth of every kernel: plain loops with sums in double. Oracle of the tests and fallback.
package dev.stoa.kernel.scalar;
