// SPDX-License-Identifier: Apache-2.0
/// Models from a hub: the cache that other tools share, and pulls that resume, check every byte and finish at once.
package dev.stoa.format.hub;
