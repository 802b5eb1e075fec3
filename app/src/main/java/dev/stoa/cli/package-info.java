// SPDX-License-Identifier: Apache-2.0
/// The command line: one class per verb, and the console they all write through.
package dev.stoa.cli;
