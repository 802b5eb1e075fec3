// SPDX-License-Identifier: Apache-2.0
/// What quantizing each matrix of a model costs, measured on text, and the mixed-precision plan that follows.
package dev.stoa.model.calibrate;
