// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

/// One expert to mount: `p` is the calibrated probability of its label, `weight` a multiple of 1/64.
public record ActiveExpert(
        String expertId, String version, String adapterHash, String label, double p, double weight) {}
