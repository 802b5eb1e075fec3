// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

/// A model of P(label | text), one log-odds per label; the last label is the base. Immutable and thread-safe.
public sealed interface Head permits LinearHead, MlpHead, WordHead {
    /// Short name for files and reports.
    String name();

    /// Log-odds (labels), before calibration.
    double[] logOdds(RouteInput input);
}
