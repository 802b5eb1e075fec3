// SPDX-License-Identifier: Apache-2.0
/// OpenAI's chat completions: from the request's JSON to the pipeline, and from its events to JSON or a stream.
package dev.stoa.serve.chat;
