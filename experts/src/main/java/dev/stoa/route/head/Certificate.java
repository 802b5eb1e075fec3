// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route.head;

/// What the abstain threshold guarantees: with confidence 1 - delta, at most a share alpha of the routed requests
/// should have stayed on the base, and at most alpha of the out-of-domain ones is routed at all.
///
/// `violations` of `routed` rows and `falseRoutes` of `outOfDomain` rows were counted on the certificate split;
/// the bounds are Clopper-Pearson. `certified` false: no threshold passed, `missingRows` says what was lacking.
public record Certificate(
        boolean certified, double alpha, double delta, int routed, int violations, double violationBound,
        int outOfDomain, int falseRoutes, double falseRouteBound, int missingRows) {}
