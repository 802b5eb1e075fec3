// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

import java.util.Set;

/// What to forget, within the caller's tenant.
public sealed interface ForgetSelector {
    record Ids(Set<String> ids) implements ForgetSelector {
        public Ids {
            ids = Set.copyOf(ids);
        }
    }

    record Conversation(String conversation) implements ForgetSelector {}

    record Subject(String subject) implements ForgetSelector {}

    record Everything() implements ForgetSelector {}
}
