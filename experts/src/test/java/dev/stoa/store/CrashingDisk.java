// SPDX-License-Identifier: Apache-2.0
package dev.stoa.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/// A disk whose machine stops at a chosen step. Each operation has several steps, among them "half the bytes are
/// there". What was not made durable by a force may then be lost: a coin decides, as a real machine would.
public final class CrashingDisk implements Disk {
    /// Thrown at the chosen step. An error, so that no handler for I/O trouble runs: the machine is off.
    public static final class Crash extends Error {
        private static final long serialVersionUID = 1L;
    }

    /// A name whose directory has not been forced yet. `old` is what the name showed before, or null.
    private record Unforced(Path source, Path name, byte[] old) {}

    private final long crashAt;
    private final SplittableRandom coin;
    private final boolean forcesAppends;
    private final List<Unforced> unforced = new ArrayList<>();
    private final List<Runnable> unforcedAppends = new ArrayList<>();
    private long steps;

    public CrashingDisk(long crashAt, long seed) {
        this(crashAt, seed, true);
    }

    /// With `forcesAppends` false this is a mutant: appended bytes never become durable.
    public CrashingDisk(long crashAt, long seed, boolean forcesAppends) {
        this.crashAt = crashAt;
        this.coin = new SplittableRandom(seed);
        this.forcesAppends = forcesAppends;
    }

    public long steps() {
        return steps;
    }

    private void step() {
        if (++steps != crashAt) return;
        try {
            for (Unforced change : unforced.reversed()) {
                if (coin.nextBoolean()) undo(change);
            }
        } catch (IOException broken) {
            throw new IllegalStateException(broken);
        }
        unforcedAppends.reversed().forEach(Runnable::run);
        throw new Crash();
    }

    private static void undo(Unforced change) throws IOException {
        if (!Files.exists(change.name())) return;
        if (change.source() != null) Files.move(change.name(), change.source(), StandardCopyOption.REPLACE_EXISTING);
        else Files.delete(change.name());
        if (change.old() != null) Files.write(change.name(), change.old());
    }

    @Override
    public void write(Path file, byte[] bytes) throws IOException {
        step();
        if (!Files.exists(file)) unforced.add(new Unforced(null, file, null));
        Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
        step();
        Files.write(file, bytes);
        step();
    }

    @Override
    public void append(Path file, byte[] bytes) throws IOException {
        step();
        if (!Files.exists(file)) {
            Files.createFile(file);
            unforced.add(new Unforced(null, file, null));
        }
        long before = Files.size(file);
        int half = coin.nextInt(bytes.length + 1);
        Files.write(file, Arrays.copyOf(bytes, half), StandardOpenOption.APPEND);
        step();
        Files.write(file, Arrays.copyOfRange(bytes, half, bytes.length), StandardOpenOption.APPEND);
        if (!forcesAppends) unforcedAppends.add(() -> cut(file, before));
        step();
    }

    private static void cut(Path file, long size) {
        try {
            if (Files.exists(file)) Disk.local().truncate(file, size);
        } catch (IOException broken) {
            throw new IllegalStateException(broken);
        }
    }

    @Override
    public void truncate(Path file, long size) throws IOException {
        step();
        cut(file, size);
        step();
    }

    @Override
    public void copy(Path from, Path to) throws IOException {
        write(to, Files.readAllBytes(from));
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        step();
        byte[] old = Files.isRegularFile(to) ? Files.readAllBytes(to) : null;
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        unforced.removeIf(change -> change.name().equals(from));
        unforced.add(new Unforced(from, to, old));
        step();
    }

    @Override
    public void forceDirectory(Path directory) {
        step();
        unforced.removeIf(change -> directory.equals(change.name().getParent()));
    }

    @Override
    public void delete(Path file) throws IOException {
        step();
        Files.deleteIfExists(file);
    }
}
