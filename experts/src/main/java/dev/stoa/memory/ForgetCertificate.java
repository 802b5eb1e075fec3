// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.time.Instant;

/// What was forgotten; holds no payload. `verified` (HARD) means that the texts and vectors were searched for in
/// every file of the tenant afterwards and not found. `previousHash` chains the certificates of a tenant.
public record ForgetCertificate(
        String id, String selectorHash, ForgetMode mode, Instant requestedAt, Instant finishedAt, int episodes, int facts,
        boolean verified, String previousHash, String hash) {}
