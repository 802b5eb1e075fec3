// SPDX-License-Identifier: Apache-2.0
/// Model families: from `config.json` and tensor names to a `ModelSpec`. No math; a new family is one file and one line.
package dev.stoa.model.family;
