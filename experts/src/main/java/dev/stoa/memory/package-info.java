// SPDX-License-Identifier: Apache-2.0
/// What was said and what is believed: a write-ahead log, exact search, a fenced block for the prompt, real deletion.
package dev.stoa.memory;
