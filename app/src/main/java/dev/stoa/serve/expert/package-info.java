// SPDX-License-Identifier: Apache-2.0
/// The experts a running server can mount: by name, replaceable while requests run, following the library's pointers.
package dev.stoa.serve.expert;
