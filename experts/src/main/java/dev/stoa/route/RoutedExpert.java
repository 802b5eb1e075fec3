// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

import java.util.Set;

/// The expert a label stands for. `tenants` empty means everyone. The no-harm standing is derived from gate evidence,
/// never typed by hand: labels that are not SERVED are scored but mount nothing.
public record RoutedExpert(String expertId, String version, String adapterHash, Standing standing, Set<String> tenants) {
    public enum Standing { SERVED, BASE_ONLY, UNTRAINED }

    public RoutedExpert {
        tenants = Set.copyOf(tenants);
    }

    public static RoutedExpert served(String expertId, String version, String adapterHash) {
        return new RoutedExpert(expertId, version, adapterHash, Standing.SERVED, Set.of());
    }

    /// The base answers this domain best, by measurement.
    public static RoutedExpert baseOnly(String expertId) {
        return new RoutedExpert(expertId, "", "", Standing.BASE_ONLY, Set.of());
    }

    public boolean permits(String tenant) {
        return tenants.isEmpty() || tenants.contains(tenant);
    }
}
