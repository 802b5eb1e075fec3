// SPDX-License-Identifier: Apache-2.0
/// The way of one request: route, mount, recall, generate, remember; each stage leaves a line in the trace.
package dev.stoa.serve.pipeline;
