// SPDX-License-Identifier: Apache-2.0
/// Every kernel with the Vector API. Small hot methods with constant species, no allocation, fixed reduction orders.
package dev.stoa.kernel.vector;
