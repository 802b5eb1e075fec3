// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve.http;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/// The keys that open the server, held as SHA-256 only; compared in constant time. Without keys the server is in
/// single-user mode: every caller is the tenant `local`.
public final class ApiKeys {
    public static final ApiKeys NONE = new ApiKeys(List.of());
    private static final String LOCAL = "local";

    private final List<byte[]> hashes;

    private ApiKeys(List<byte[]> hashes) {
        this.hashes = hashes;
    }

    /// One key per line of at least 16 characters; empty lines and lines that start with # are skipped.
    public static ApiKeys read(Path file) throws IOException {
        List<byte[]> hashes = new ArrayList<>();
        int number = 0;
        for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
            number++;
            String key = line.strip();
            if (key.isEmpty() || key.startsWith("#")) continue;
            if (key.length() < 16) {
                throw Fault.of(AppFault.USAGE, "an API key is too short").where(file + " line " + number)
                        .got(key.length() + " characters").expected("at least 16")
                        .next("make one with: openssl rand -base64 32").exception();
            }
            hashes.add(sha256(key));
        }
        if (hashes.isEmpty()) {
            throw Fault.of(AppFault.USAGE, "the key file holds no key").where(file).expected("one key per line").exception();
        }
        return new ApiKeys(hashes);
    }

    public boolean required() {
        return !hashes.isEmpty();
    }

    /// The tenant behind a request's key.
    String tenant(Request request) {
        if (hashes.isEmpty()) return LOCAL;
        String given = given(request);
        if (given.isEmpty()) {
            throw Fault.of(AppFault.MISSING_API_KEY, "this server needs an API key")
                    .expected("the header Authorization: Bearer KEY").exception();
        }
        byte[] hash = sha256(given);
        String tenant = null;
        for (byte[] known : hashes) {                       // all are compared, so time does not tell which matched
            if (MessageDigest.isEqual(known, hash)) tenant = "key-" + HexFormat.of().formatHex(known, 0, 6);
        }
        if (tenant == null) throw Fault.of(AppFault.INVALID_API_KEY, "the API key is not known here").exception();
        return tenant;
    }

    private static String given(Request request) {
        String authorization = request.header("authorization");
        if (authorization.regionMatches(true, 0, "Bearer ", 0, 7)) return authorization.substring(7).strip();
        return request.header("x-api-key").strip();
    }

    private static byte[] sha256(String key) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException absent) {
            throw new IllegalStateException(absent);
        }
    }
}
