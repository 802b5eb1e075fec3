// SPDX-License-Identifier: Apache-2.0
/// The door to compute: one small interface per kernel family, their providers, and the workers they run on.
package dev.stoa.kernel;
