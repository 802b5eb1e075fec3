// SPDX-License-Identifier: Apache-2.0
package dev.stoa.store;

import dev.stoa.ExpertsFault;
import dev.stoa.Fault;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/// An append-only file of byte records that survives a crash at any byte.
///
/// Layout, little-endian: magic `STOALOG1`, a random salt u64, then frames `length u32 | crc32c u32 | payload`. The
/// checksum covers the salt, the frame's offset, the length and the payload, so bytes of another log, or a payload
/// that imitates a frame, never pass as a record. A batch is one write and is durable when [#append] returns.
/// Opening replays every whole record; an unfinished last one (a torn tail) is cut off, while a bad record with
/// good ones after it is corruption and refused. One writer per file, the caller holds the lock; thread-safe.
public final class AppendLog implements AutoCloseable {
    /// Longest payload; a length above it is never believed.
    public static final int MAX_RECORD = 16 << 20;
    private static final byte[] MAGIC = "STOALOG1".getBytes(StandardCharsets.US_ASCII);
    private static final int HEADER = 16;
    private static final int FRAME = 8;

    private final Path file;
    private final Disk disk;
    private long salt;
    private FileChannel channel;
    private long size;

    private AppendLog(Path file, Disk disk, long salt, FileChannel channel, long size) {
        this.file = file;
        this.disk = disk;
        this.salt = salt;
        this.channel = channel;
        this.size = size;
    }

    /// Opens or creates the log, hands every record to `replay` in order, and stands ready to append.
    public static AppendLog open(Path file, Consumer<byte[]> replay) throws IOException {
        return open(file, Disk.local(), replay);
    }

    static AppendLog open(Path file, Disk disk, Consumer<byte[]> replay) throws IOException {
        byte[] content = Files.exists(file) ? Files.readAllBytes(file) : new byte[0];
        // The header is written atomically, so an empty file is one that somebody made by hand, not a crash.
        if (content.length == 0) {
            content = header(new SecureRandom().nextLong()).array();
            disk.replace(file, content);
        }
        if (content.length < HEADER || Arrays.mismatch(content, 0, MAGIC.length, MAGIC, 0, MAGIC.length) >= 0) {
            throw Fault.of(ExpertsFault.LOG_INVALID, "not a log of this program").where(file)
                    .expected("a file that begins with STOALOG1").exception();
        }
        long salt = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN).getLong(MAGIC.length);
        List<byte[]> records = new ArrayList<>();
        int end = scan(file, content, salt, records);
        if (end < content.length) disk.truncate(file, end);
        records.forEach(replay);
        return new AppendLog(file, disk, salt, FileChannel.open(file, StandardOpenOption.WRITE), end);
    }

    /// The whole records before the first damaged one, without touching the file; none of a file that is no log.
    public static List<byte[]> readable(Path file) throws IOException {
        byte[] content = Files.readAllBytes(file);
        List<byte[]> records = new ArrayList<>();
        if (content.length < HEADER || Arrays.mismatch(content, 0, MAGIC.length, MAGIC, 0, MAGIC.length) >= 0) return records;
        ByteBuffer buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
        long salt = buffer.getLong(MAGIC.length);
        for (int at = HEADER, length; (length = frameAt(buffer, at, salt)) >= 0; at += FRAME + length) {
            records.add(Arrays.copyOfRange(content, at + FRAME, at + FRAME + length));
        }
        return records;
    }

    private static ByteBuffer header(long salt) {
        return ByteBuffer.allocate(HEADER).order(ByteOrder.LITTLE_ENDIAN).put(MAGIC).putLong(salt);
    }

    /// Collects whole records; returns where the next one belongs.
    private static int scan(Path file, byte[] content, long salt, List<byte[]> records) {
        ByteBuffer buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
        int at = HEADER;
        while (at < content.length) {
            int length = frameAt(buffer, at, salt);
            if (length < 0) break;
            records.add(Arrays.copyOfRange(content, at + FRAME, at + FRAME + length));
            at += FRAME + length;
        }
        for (int later = at + 1; later < content.length; later++) {
            if (frameAt(buffer, later, salt) < 0) continue;
            throw Fault.of(ExpertsFault.LOG_CORRUPT, "record %d is damaged, but good records follow it", records.size())
                    .where(file + " at byte " + at).got("a checksum or length that does not fit")
                    .expected("a torn record only at the very end").next("restore the file from a backup").exception();
        }
        return at;
    }

    /// Payload length of the valid frame at `at`, or -1.
    private static int frameAt(ByteBuffer buffer, int at, long salt) {
        if (buffer.limit() - at < FRAME) return -1;
        int length = buffer.getInt(at);
        if (length <= 0 || length > MAX_RECORD || length > buffer.limit() - at - FRAME) return -1;
        return crc(buffer, at, length, salt, at) == buffer.getInt(at + 4) ? length : -1;
    }

    private static int crc(ByteBuffer frames, int at, int length, long salt, long offset) {
        CRC32C crc = new CRC32C();
        crc.update(ByteBuffer.allocate(20).putLong(salt).putLong(offset).putInt(length).flip());
        crc.update(frames.slice(at + FRAME, length));
        return (int) crc.getValue();
    }

    /// Adds records with one write and one force; they are durable, all of them, when this returns.
    public synchronized void append(List<byte[]> records) throws IOException {
        ByteBuffer batch = frames(records, salt, size);
        try {
            for (long at = size; batch.hasRemaining(); ) at += channel.write(batch, at);
            channel.force(true);
        } catch (IOException failed) {
            channel.truncate(size); // no half record may stay between this batch and a later one
            throw failed;
        }
        size += batch.limit();
    }

    public void append(byte[] record) throws IOException {
        append(List.of(record));
    }

    /// Replaces the whole content atomically, so that records left out are gone from the file.
    public synchronized void rewrite(List<byte[]> records) throws IOException {
        long fresh = new SecureRandom().nextLong();
        ByteBuffer frames = frames(records, fresh, HEADER);
        byte[] whole = ByteBuffer.allocate(HEADER + frames.limit()).put(header(fresh).flip()).put(frames).array();
        disk.replace(file, whole);
        channel.close();
        channel = FileChannel.open(file, StandardOpenOption.WRITE);
        salt = fresh;
        size = whole.length;
    }

    private static ByteBuffer frames(List<byte[]> records, long salt, long offset) {
        int total = 0;
        for (byte[] record : records) {
            if (record.length == 0 || record.length > MAX_RECORD) {
                throw new IllegalArgumentException("a log record has 1 to " + MAX_RECORD + " bytes, got "
                        + record.length);
            }
            total = Math.addExact(total, FRAME + record.length);
        }
        ByteBuffer batch = ByteBuffer.allocate(total).order(ByteOrder.LITTLE_ENDIAN);
        for (byte[] record : records) {
            int at = batch.position();
            batch.putInt(record.length).putInt(0).put(record);
            batch.putInt(at + 4, crc(batch, at, record.length, salt, offset + at));
        }
        return batch.flip();
    }

    /// Bytes in the file, header included.
    public synchronized long size() {
        return size;
    }

    @Override
    public synchronized void close() throws IOException {
        channel.close();
    }
}
