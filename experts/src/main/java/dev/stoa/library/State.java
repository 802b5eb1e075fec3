// SPDX-License-Identifier: Apache-2.0
package dev.stoa.library;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/// Where a version of an expert stands. Only the moves of [#next] exist.
public enum State {
    DRAFT, QUEUED, TRAINING, TRAINED, GATING, PUBLISHED, SUPERSEDED,
    HELD, REJECTED, BASE_ONLY, FAILED, CANCELLED, REVOKED;

    /// The states this one may move to. A rejected, cancelled or revoked version stays so: make a new version.
    public Set<State> next() {
        return switch (this) {
            case DRAFT -> EnumSet.of(QUEUED, CANCELLED);
            case QUEUED -> EnumSet.of(TRAINING, CANCELLED);
            case TRAINING -> EnumSet.of(TRAINED, FAILED, CANCELLED);
            case TRAINED -> EnumSet.of(GATING, CANCELLED);
            case GATING -> EnumSet.of(PUBLISHED, HELD, REJECTED, BASE_ONLY, FAILED);
            case HELD -> EnumSet.of(GATING, CANCELLED);
            // rejected: the version that a rollback leaves
            case PUBLISHED -> EnumSet.of(SUPERSEDED, REVOKED, BASE_ONLY, REJECTED);
            case SUPERSEDED -> EnumSet.of(PUBLISHED);
            case BASE_ONLY -> EnumSet.of(GATING);
            case FAILED -> EnumSet.of(QUEUED);
            case REJECTED, CANCELLED, REVOKED -> EnumSet.noneOf(State.class);
        };
    }

    @JsonValue
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    @JsonCreator
    static State ofId(String id) {
        for (State state : values()) {
            if (state.id().equals(id)) return state;
        }
        throw new IllegalArgumentException("unknown state " + id);
    }
}
