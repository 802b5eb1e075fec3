// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.RelativeNames;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/// What a hub says about a revision. Every name and hash is checked before it becomes part of a path.
public record RepoInfo(String commit, String license, List<RemoteFile> files) {
    private static final int SHOWN = 50;

    /// One file: its size and the hash that names its blob, SHA-256 (64 letters) or git's SHA-1 (40).
    public record RemoteFile(String path, long size, String etag) {}

    public RepoInfo {
        files = List.copyOf(files);
    }

    /// Reads a hub's answer; all unsafe names are refused together.
    static RepoInfo parse(JsonNode root, URI where) {
        JsonNode sha = root.get("sha");
        if (sha == null || !sha.isString() || !HubCache.commit(sha.stringValue())) throw invalid("sha", where, sha, "a commit of 40 letters");
        JsonNode siblings = root.get("siblings");
        if (siblings == null || !siblings.isArray()) throw invalid("siblings", where, siblings, "a list of files");
        List<RemoteFile> files = new ArrayList<>();
        List<String> unsafe = new ArrayList<>();
        Map<String, String> folded = new HashMap<>();
        for (JsonNode item : siblings) {
            String name = item.path("rfilename").asString("");
            if (!RelativeNames.safe(name)) {
                unsafe.add("\"" + printable(name) + "\" is not a name inside the directory");
                continue;
            }
            String other = folded.putIfAbsent(name.toLowerCase(Locale.ROOT), name);
            if (other != null) unsafe.add("\"" + name + "\" and \"" + other + "\" are one file on some systems");
            files.add(file(item, name, where));
        }
        if (!unsafe.isEmpty()) {
            throw Fault.of(EngineFault.UNSAFE_FILE, "the hub lists %d unsafe file names", unsafe.size()).where(where)
                    .issues(unsafe.stream().limit(SHOWN).toList()).next("do not use this repository").exception();
        }
        JsonNode license = root.path("cardData").path("license");
        return new RepoInfo(sha.stringValue(), license.isString() ? license.stringValue() : null, files);
    }

    private static RemoteFile file(JsonNode item, String name, URI where) {
        JsonNode lfs = item.get("lfs");
        boolean large = lfs != null && lfs.isObject();
        JsonNode hash = large ? lfs.get("sha256") : item.get("blobId");
        JsonNode size = large && lfs.has("size") ? lfs.get("size") : item.get("size");
        boolean hashed = hash != null && hash.isString() && hash.stringValue().matches(large ? "[0-9a-f]{64}" : "[0-9a-f]{40}");
        boolean sized = size != null && size.isIntegralNumber() && size.canConvertToLong() && size.longValue() >= 0;
        if (!hashed || !sized) throw invalid("siblings: " + name, where, item, "size and hash of the file");
        return new RemoteFile(name, size.longValue(), hash.stringValue());
    }

    private static String printable(String name) {
        String clean = name.replaceAll("\\p{Cntrl}", "?");
        return clean.length() <= 80 ? clean : clean.substring(0, 80) + "…";
    }

    private static FaultException invalid(String field, URI where, JsonNode got, String expected) {
        String text = String.valueOf(got);
        return Fault.of(EngineFault.HUB_INVALID, "the hub's answer cannot be used: %s", field).where(where)
                .got(text.length() <= 200 ? text : text.substring(0, 200) + "…").expected(expected).next("check STOA_HUB_ENDPOINT").exception();
    }
}
