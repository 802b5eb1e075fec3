// SPDX-License-Identifier: Apache-2.0
/// Chat templates: the subset of Jinja that models ship. No I/O, no reflection.
package dev.stoa.template;
