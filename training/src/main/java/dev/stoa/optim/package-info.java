// SPDX-License-Identifier: Apache-2.0
/// Optimizers (AdamW, Muon), learning-rate schedules, gradient clipping.
package dev.stoa.optim;
