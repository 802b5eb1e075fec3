// SPDX-License-Identifier: Apache-2.0
/// Sequence mixers: how a layer reads earlier tokens. Registered by the kind a config names; each has its own state.
package dev.stoa.nn.mixer;
