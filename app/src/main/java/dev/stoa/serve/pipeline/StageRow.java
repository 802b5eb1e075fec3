// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.pipeline;

/// What one stage of one request did: `status` is ok, skipped (with the reason), degraded or failed; times in
/// microseconds since the request began; `detail` is a short sentence without any prompt or answer text.
public record StageRow(int seq, String id, Status status, String reason, long startUs, long durUs, String detail) {
    public enum Status { OK, SKIPPED, DEGRADED, FAILED }
}
