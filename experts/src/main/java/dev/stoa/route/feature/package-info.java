// SPDX-License-Identifier: Apache-2.0
/// Text to the vectors and words that routing and memory compare: hashed, or the base model's own hidden states.
package dev.stoa.route.feature;
