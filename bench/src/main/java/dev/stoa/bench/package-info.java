// SPDX-License-Identifier: Apache-2.0
/// Measurements that are never shipped; each has its own main.
package dev.stoa.bench;
