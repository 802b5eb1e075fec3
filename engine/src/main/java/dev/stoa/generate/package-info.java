// SPDX-License-Identifier: Apache-2.0
/// Requests to tokens: sequences, the scheduler, the engine loop, sampling, combining experts.
package dev.stoa.generate;
