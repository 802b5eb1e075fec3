// SPDX-License-Identifier: Apache-2.0
package dev.stoa.memory;

/// On whose behalf a call is made. Required by every call; there is no default tenant and no ambient one.
/// `subject` (a person) and `conversation` may be null.
public record TenantContext(String tenant, String subject, String conversation) {
    public TenantContext {
        if (tenant == null || tenant.isBlank()) throw new IllegalArgumentException("memory needs a tenant");
    }

    public static TenantContext of(String tenant) {
        return new TenantContext(tenant, null, null);
    }

    public TenantContext subject(String person) {
        return new TenantContext(tenant, person, conversation);
    }

    public TenantContext conversation(String id) {
        return new TenantContext(tenant, subject, id);
    }
}
