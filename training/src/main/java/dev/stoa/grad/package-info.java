// SPDX-License-Identifier: Apache-2.0
/// Automatic differentiation limited to what a decoder needs: a tape, and one file per operation with its forward and
/// backward side by side. Start at `Network`.
package dev.stoa.grad;
