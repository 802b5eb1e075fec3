// SPDX-License-Identifier: Apache-2.0
/// What a model is (records) and how it runs (`Decoder`, the only forward pass). Families translate into this.
package dev.stoa.model;
