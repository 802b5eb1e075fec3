// SPDX-License-Identifier: Apache-2.0
/// The OpenAI-compatible server: routes, the request pipeline, streams, adapters, metrics, the console page.
package dev.stoa.serve;
