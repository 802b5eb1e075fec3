// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

/// Whose it is within the tenant: a person (null: shared by all) and the conversation it came up in (or null).
public record Owner(String subject, String conversation) {
    /// A person sees what is shared and what is theirs; a caller without a person sees what is shared.
    boolean visibleTo(TenantContext caller) {
        return subject == null || subject.equals(caller.subject());
    }
}
