// SPDX-License-Identifier: Apache-2.0
package dev.stoa.kernel.foreign;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/// A shared library of this build, kept under `META-INF/native/<os>-<arch>/` on the class path. It is copied into a new
/// directory that only this user can write, loaded from there and deleted: nobody can put another file in its place. Code
/// stays loaded until the process ends.
final class NativeLibrary {
    private final SymbolLookup symbols;

    private NativeLibrary(SymbolLookup symbols) {
        this.symbols = symbols;
    }

    /// Where libraries for this machine are kept, for example `META-INF/native/linux-x86_64/`.
    static String directory() {
        String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
        String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
        String system = os.startsWith("mac") ? "macos" : os.startsWith("windows") ? "windows" : os;
        return "META-INF/native/" + system + "-" + (arch.equals("amd64") ? "x86_64" : arch) + "/";
    }

    static boolean has(String name) {
        return NativeLibrary.class.getClassLoader().getResource(resource(name)) != null;
    }

    /// The library `name`, which the build must contain.
    @SuppressWarnings("restricted") // Native access is what this package is for.
    static NativeLibrary load(String name) throws IOException {
        try (InputStream bytes = NativeLibrary.class.getClassLoader().getResourceAsStream(resource(name))) {
            if (bytes == null) throw new IOException("no " + resource(name) + " in this build");
            Path directory = Files.createTempDirectory("stoa-native");
            Path file = directory.resolve(System.mapLibraryName("stoa-" + name));
            try {
                Files.copy(bytes, file);
                return new NativeLibrary(SymbolLookup.libraryLookup(file, Arena.global()));
            } catch (IllegalArgumentException refused) {
                throw new IOException("the system refuses to load " + resource(name) + ": " + refused.getMessage(), refused);
            } finally {
                Files.deleteIfExists(file);
                Files.deleteIfExists(directory);
            }
        }
    }

    private static String resource(String name) {
        return directory() + System.mapLibraryName("stoa-" + name);
    }

    /// A function that returns soon and may read arrays of the heap: threads in it delay the garbage collector.
    @SuppressWarnings("restricted")
    MethodHandle critical(String name, FunctionDescriptor type) {
        return Linker.nativeLinker().downcallHandle(symbols.findOrThrow(name), type, Linker.Option.critical(true));
    }

    /// A function that may take long: it gets addresses of native memory only, and the garbage collector does not wait for it.
    @SuppressWarnings("restricted")
    MethodHandle function(String name, FunctionDescriptor type) {
        return Linker.nativeLinker().downcallHandle(symbols.findOrThrow(name), type);
    }
}
