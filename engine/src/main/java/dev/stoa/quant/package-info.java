// SPDX-License-Identifier: Apache-2.0
/// Number formats of weights: one final class each with layout, decode (the truth) and encode; a registry by DType.
package dev.stoa.quant;
