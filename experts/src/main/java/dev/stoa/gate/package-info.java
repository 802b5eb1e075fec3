// SPDX-License-Identifier: Apache-2.0
/// Gates between training and publishing: they read adapters and scores, decide by stated rules, and write reports.
package dev.stoa.gate;
