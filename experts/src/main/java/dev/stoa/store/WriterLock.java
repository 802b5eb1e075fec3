// SPDX-License-Identifier: Apache-2.0
package dev.stoa.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;

/// The right to write, held by one holder on this machine. The operating system gives it back when the holder
/// dies, so there is nothing stale to clean up. Not reentrant: a second acquire in one process waits like any other.
public final class WriterLock implements AutoCloseable {
    private static final long RETRY_MS = 5;
    private final FileChannel channel;

    private WriterLock(FileChannel channel) {
        this.channel = channel;
    }

    /// The lock, or empty when somebody else has it now.
    public static Optional<WriterLock> tryAcquire(Path file) throws IOException {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            FileLock lock = channel.tryLock();
            if (lock != null) return Optional.of(new WriterLock(channel));
        } catch (OverlappingFileLockException heldInThisProcess) {
            // Same answer as from another process.
        } catch (IOException failed) {
            channel.close();
            throw failed;
        }
        channel.close();
        return Optional.empty();
    }

    /// Waits at most `patience` for the lock; an `IOException` afterwards, since a later try may succeed.
    public static WriterLock acquire(Path file, Duration patience) throws IOException {
        long deadline = System.nanoTime() + patience.toNanos();
        while (true) {
            Optional<WriterLock> lock = tryAcquire(file);
            if (lock.isPresent()) return lock.get();
            if (System.nanoTime() >= deadline) {
                throw new IOException("another writer has held " + file + " for more than " + patience.toMillis()
                        + " ms; try again when it is done");
            }
            try {
                Thread.sleep(RETRY_MS);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while waiting for " + file, interrupted);
            }
        }
    }

    /// Gives the right back.
    @Override
    public void close() throws IOException {
        channel.close();
    }
}
