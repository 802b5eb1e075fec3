// SPDX-License-Identifier: Apache-2.0
/// `stoa demo`: from an empty directory to experts that answer, phase by phase, with every claim checked.
package dev.stoa.demo;
