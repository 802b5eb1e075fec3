// SPDX-License-Identifier: Apache-2.0
/// LoRA adapters: immutable data, PEFT directories, and the pool that lends them to requests.
package dev.stoa.adapter;
