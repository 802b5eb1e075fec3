// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.time.Instant;

/// Something that was said. `turn` counts within the conversation. A `command` only withdrew a fact: it is kept as a
/// record and never recalled.
record Episode(
        String id, Owner owner, int turn, Origin origin, String text, Instant at, Instant recordedAt, boolean command) {}
