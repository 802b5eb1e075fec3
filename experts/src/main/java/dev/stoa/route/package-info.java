// SPDX-License-Identifier: Apache-2.0
/// Which experts answer a request: features to probabilities to at most four mounted experts, or the base alone.
package dev.stoa.route;
