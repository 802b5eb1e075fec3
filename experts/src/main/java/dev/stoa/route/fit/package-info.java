// SPDX-License-Identifier: Apache-2.0
/// Fitting a router in one call: heads, calibration, thresholds, certificate, and the report that judges them.
package dev.stoa.route.fit;
