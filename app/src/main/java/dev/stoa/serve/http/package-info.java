// SPDX-License-Identifier: Apache-2.0
/// The border to the network: requests and replies as records, the route table, keys, errors, streams, transport.
package dev.stoa.serve.http;
