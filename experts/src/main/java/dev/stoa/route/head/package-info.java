// SPDX-License-Identifier: Apache-2.0
/// From features and words to calibrated probabilities and an abstain score; immutable, no training here.
package dev.stoa.route.head;
