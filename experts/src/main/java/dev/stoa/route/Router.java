// SPDX-License-Identifier: Apache-2.0
package dev.stoa.route;

/// Chooses the experts of a request. Thread-safe. Never throws because of what a user wrote: whatever goes wrong
/// inside, the base answers (`router_unavailable`).
public interface Router {
    RouteDecision route(RouteRequest request);
}
